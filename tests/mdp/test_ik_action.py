"""The IK action against Isaac Lab's, bit for bit, on a robot that is only numbers."""

from types import SimpleNamespace

import pytest
import torch
from isaaclab.controllers import DifferentialIKControllerCfg
from isaaclab.envs.mdp.actions.task_space_actions import DifferentialInverseKinematicsAction
from isaaclab.utils.math import random_orientation

from isaaclab_datagen import mdp
from isaaclab_datagen.mdp.ik_action import ReplayedIkAction

N, JOINTS, BODIES, HAND = 33, 9, 4, 2
ARM = list(range(7))
STEPS = 5


class Robot:
    """Moves at random; keeps the targets that it is given."""

    is_fixed_base, num_base_dofs, num_joints = True, 0, JOINTS

    def __init__(self, device: str) -> None:
        self.device = device
        self.targets: list[torch.Tensor] = []
        self.move()

    def find_joints(self, names):
        return list(ARM), [f"joint_{number}" for number in ARM]

    def find_bodies(self, name):
        return [HAND], [name]

    def move(self) -> None:
        body_pos, body_quat = torch.randn(N, BODIES, 3), random_orientation(N * BODIES, "cpu").view(N, BODIES, 4)
        root_pos, root_quat = torch.randn(N, 3), random_orientation(N, "cpu")
        tensors = {
            "body_pos_w": body_pos,
            "body_quat_w": body_quat,
            "body_link_pose_w": torch.cat([body_pos, body_quat], dim=-1),
            "root_pos_w": root_pos,
            "root_quat_w": root_quat,
            "root_link_pose_w": torch.cat([root_pos, root_quat], dim=-1),
            "joint_pos": torch.randn(N, JOINTS),
            "body_link_jacobian_w": torch.randn(N, BODIES - 1, 6, JOINTS),
        }
        self.data = SimpleNamespace(
            **{name: SimpleNamespace(torch=value.to(self.device)) for name, value in tensors.items()}
        )

    def set_joint_position_target_index(self, target, joint_ids) -> None:
        assert torch.as_tensor(joint_ids).tolist() == ARM
        self.targets.append(target.clone())


def cfg(relative: bool = True, **options) -> mdp.ReplayedIkActionCfg:
    controller = DifferentialIKControllerCfg(command_type="pose", use_relative_mode=relative, ik_method="dls")
    offset = mdp.ReplayedIkActionCfg.OffsetCfg(pos=(0.0, 0.0, 0.107), rot=(0.0, 0.6, 0.0, 0.8))
    known = {"asset_name": "robot", "joint_names": ["joint.*"], "body_name": "hand", "scale": 0.5}
    return mdp.ReplayedIkActionCfg(**{**known, "controller": controller, "body_offset": offset, **options})


def term(term_class, device: str = "cpu", **options):
    """A term, and its robot."""
    robot = Robot(device)
    return term_class(cfg(**options), SimpleNamespace(scene={"robot": robot}, num_envs=N, device=device)), robot


def targets(term_class, device: str = "cpu", **options) -> torch.Tensor:
    """What a term commands in some control steps of two physics steps, (2 STEPS, N, 7)."""
    torch.manual_seed(0)
    action, robot = term(term_class, device, **options)
    for _ in range(STEPS):
        actions = torch.randn(N, action.action_dim)
        actions[0, 3:] = 0.0  # turns nothing; as a quaternion it is none
        action.process_actions(actions.to(device))
        for _ in range(2):
            action.apply_actions()
            robot.move()
    return torch.stack(robot.targets)


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("clip", [None, {"joint_0": (-0.1, 0.2)}])
def test_the_commanded_joints_are_isaac_labs(relative, clip):
    ours, theirs = (
        targets(term_class, relative=relative, clip=clip)
        for term_class in (ReplayedIkAction, DifferentialInverseKinematicsAction)
    )
    assert torch.isfinite(ours).all()
    assert torch.equal(ours, theirs)


def test_the_tip_is_isaac_labs():
    action, _ = term(ReplayedIkAction)
    assert torch.equal(action.tip, torch.cat(action._compute_frame_pose(), dim=-1))


@pytest.mark.parametrize(
    "options",
    [
        {"controller": DifferentialIKControllerCfg(command_type="position", ik_method="dls")},
        {"controller": DifferentialIKControllerCfg(command_type="pose", ik_method="pinv")},
        {"controller": DifferentialIKControllerCfg(command_type="pose", ik_method="dls", orientation_weight=0.5)},
        {"body_offset": None},
    ],
)
def test_what_it_does_not_know_is_refused(options):
    with pytest.raises(ValueError, match="body_offset, command_type 'pose' and ik_method 'dls'"):
        term(ReplayedIkAction, **options)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("relative", [True, False])
def test_a_gpu_replays_them(relative):
    ours, theirs = (
        targets(term_class, device="cuda", relative=relative)
        for term_class in (ReplayedIkAction, DifferentialInverseKinematicsAction)
    )
    torch.testing.assert_close(ours, theirs)
