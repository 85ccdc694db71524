"""The lift's IK against Isaac Lab's, bit for bit, on a robot that is only numbers."""

from types import SimpleNamespace

import pytest
import torch
from isaaclab.controllers import DifferentialIKControllerCfg
from isaaclab.envs.mdp.actions.task_space_actions import DifferentialInverseKinematicsAction
from isaaclab.utils.math import random_orientation

from isaaclab_datagen.tasks.lift import mdp
from isaaclab_datagen.tasks.lift.mdp.actions import RelativeIkAction

N, JOINTS, BODIES, HAND = 33, 9, 4, 2
ARM = list(range(7))
STEPS = 5


class Robot:
    """Moves at random; keeps the targets that it is given."""

    is_fixed_base, num_base_dofs, num_joints = True, 0, JOINTS

    def __init__(self) -> None:
        self.targets: list[torch.Tensor] = []
        self.move()

    def find_joints(self, names):
        return list(ARM), [f"joint_{number}" for number in ARM]

    def find_bodies(self, name):
        return [HAND], [name]

    def move(self) -> None:
        tensors = {
            "body_pos_w": torch.randn(N, BODIES, 3),
            "body_quat_w": random_orientation(N * BODIES, "cpu").view(N, BODIES, 4),
            "root_pos_w": torch.randn(N, 3),
            "root_quat_w": random_orientation(N, "cpu"),
            "joint_pos": torch.randn(N, JOINTS),
            "body_link_jacobian_w": torch.randn(N, BODIES - 1, 6, JOINTS),
        }
        self.data = SimpleNamespace(**{name: SimpleNamespace(torch=value) for name, value in tensors.items()})

    def set_joint_position_target_index(self, target, joint_ids) -> None:
        assert torch.as_tensor(joint_ids).tolist() == ARM
        self.targets.append(target.clone())


def cfg(**options) -> mdp.RelativeIkActionCfg:
    controller = DifferentialIKControllerCfg(command_type="pose", use_relative_mode=True, ik_method="dls")
    offset = mdp.RelativeIkActionCfg.OffsetCfg(pos=(0.0, 0.0, 0.107))
    known = {"asset_name": "robot", "joint_names": ["joint.*"], "body_name": "hand", "scale": 0.5}
    return mdp.RelativeIkActionCfg(**{**known, "controller": controller, "body_offset": offset, **options})


def targets(term_class) -> torch.Tensor:
    """What a term commands in some control steps of two physics steps, (2 STEPS, N, 7)."""
    torch.manual_seed(0)
    robot = Robot()
    term = term_class(cfg(), SimpleNamespace(scene={"robot": robot}, num_envs=N, device="cpu"))
    for _ in range(STEPS):
        actions = torch.randn(N, 6)
        actions[0, 3:] = 0.0  # turns nothing
        term.process_actions(actions)
        for _ in range(2):
            term.apply_actions()
            robot.move()
    return torch.stack(robot.targets)


def test_the_commanded_joints_are_isaac_labs():
    assert torch.equal(targets(RelativeIkAction), targets(DifferentialInverseKinematicsAction))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"controller": DifferentialIKControllerCfg(command_type="pose", ik_method="dls")}, "pose deltas"),
        ({"body_offset": None}, "body_offset"),
    ],
)
def test_what_it_does_not_know_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RelativeIkAction(cfg(**options), SimpleNamespace(scene={"robot": Robot()}, num_envs=N, device="cpu"))
