"""The scripted expert's mathematics and its phases, on a robot that is only poses."""

import math
from types import SimpleNamespace

import pytest
import torch
from isaaclab.utils.math import (
    apply_delta_pose,
    matrix_from_quat,
    quat_apply,
    quat_error_magnitude,
    quat_from_angle_axis,
    random_orientation,
    subtract_frame_transforms,
)

from isaaclab_datagen.experts.lift import downward
from isaaclab_datagen.experts.state_machine import CLOSE, OPEN, Phase, StateMachine, relative_ik_action

N = 200
LIMITS = (0.08, 0.4)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def poses(spread: float = 1.0, n: int = N) -> torch.Tensor:
    return torch.cat([spread * torch.randn(n, 3), random_orientation(n, "cpu")], dim=-1)


def test_the_commanded_step_is_within_the_limits_and_points_at_the_target():
    tip, target = poses(), poses()
    deltas = 0.5 * relative_ik_action(tip, target, 0.5, LIMITS)
    assert deltas.shape == (N, 6)
    for delta, limit in ((deltas[:, :3], LIMITS[0]), (deltas[:, 3:], LIMITS[1])):
        assert (delta.norm(dim=-1) <= limit * (1 + 1e-5)).all()
    direction = torch.nn.functional.normalize(target[:, :3] - tip[:, :3], dim=-1)
    assert torch.allclose(torch.nn.functional.normalize(deltas[:, :3], dim=-1), direction, atol=1e-4)


def test_isaac_labs_relative_pose_brings_a_near_tip_to_its_target_with_gain_one():
    tip = poses()
    delta = torch.cat([0.01 * torch.randn(N, 3), 0.1 * torch.randn(N, 3).clamp(-1, 1)], dim=-1)
    target = torch.cat(apply_delta_pose(tip[:, :3], tip[:, 3:], delta), dim=-1)
    action = relative_ik_action(tip, target, 0.5, LIMITS, gain=1.0)
    reached = apply_delta_pose(tip[:, :3], tip[:, 3:], 0.5 * action)
    assert torch.allclose(reached[0], target[:, :3], atol=1e-5)
    assert (quat_error_magnitude(reached[1], target[:, 3:]) < 1e-3).all()


def test_every_turn_comes_nearer_also_from_the_other_side():
    tip, target = poses(), poses()
    target[:, 3:] *= torch.randn(N, 1).sign()  # both signs are the same rotation
    action = relative_ik_action(tip, target, 1.0, LIMITS)
    before = quat_error_magnitude(tip[:, 3:], target[:, 3:])
    after = quat_error_magnitude(apply_delta_pose(tip[:, :3], tip[:, 3:], action)[1], target[:, 3:])
    far = before > LIMITS[1]
    assert torch.allclose((before - after)[far], torch.tensor(LIMITS[1]), atol=1e-3)
    assert (after <= before + 1e-3).all()


def test_at_the_target_nothing_is_commanded():
    tip = poses()
    assert relative_ik_action(tip, tip.clone(), 0.5, LIMITS).abs().max() < 1e-3


def test_the_hand_points_down_and_closes_on_two_faces():
    cube = torch.cat([random_yaw(N // 2), -random_yaw(N // 2)])
    hand = matrix_from_quat(downward(cube))
    assert torch.allclose(hand[:, :, 2], torch.tensor([0.0, 0.0, -1.0]).expand(N, 3), atol=1e-5)
    in_cube = matrix_from_quat(cube).transpose(1, 2) @ hand
    assert torch.allclose(in_cube[:, :2, :2].abs().amax(dim=-1), torch.ones(N, 2), atol=1e-4)
    yaw = torch.atan2(hand[:, 1, 0], hand[:, 0, 0])
    assert (yaw.abs() <= math.pi / 4 + 1e-5).all()


def random_yaw(n: int) -> torch.Tensor:
    return quat_from_angle_axis(2 * math.pi * torch.rand(n), torch.tensor([0.0, 0.0, 1.0]).expand(n, 3))


class Mover(StateMachine):
    """Two targets, then a rest; its action is the target itself."""

    goals: torch.Tensor
    lost: torch.Tensor

    def targets(self):
        return self.goals

    def redirect(self, phase):
        return torch.where(self.lost, 0, phase)

    def to_action(self, tip, target, gripper):
        return torch.cat([target, gripper.unsqueeze(-1)], dim=-1)


OFFSET = (0.0, 0.0, 0.1)
PHASES = [Phase("there", OPEN, 0.01, 0.1), Phase("grasp", CLOSE, min_steps=3, latch=True), Phase("away", CLOSE)]


@pytest.fixture
def mover() -> Mover:
    root = poses(n=2)
    data = SimpleNamespace(
        root_link_pose_w=SimpleNamespace(torch=root), body_link_pose_w=SimpleNamespace(torch=poses(n=6).view(2, 3, 7))
    )
    robot = SimpleNamespace(body_names=["base", "hand", "finger"], data=data)
    machine = Mover(SimpleNamespace(num_envs=2, device="cpu", scene={"robot": robot}), "hand", OFFSET, PHASES)
    machine.goals = poses(n=6).view(3, 2, 7)
    machine.lost = torch.zeros(2, dtype=torch.bool)
    return machine


def place(mover: Mover, env_id: int, tip: torch.Tensor) -> None:
    """Put the hand so that its tip is at ``tip`` (7,) in the root frame."""
    data = mover.env.scene["robot"].data
    root = data.root_link_pose_w.torch[env_id]
    hand = tip[:3] - quat_apply(tip[3:], torch.tensor(OFFSET))
    world = root[:3] + quat_apply(root[3:], hand)
    turned = multiplied(root[3:], tip[3:])
    data.body_link_pose_w.torch[env_id, 1] = torch.cat([world, turned])


def multiplied(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    inverse = torch.cat([-first[:3], first[3:]])
    return subtract_frame_transforms(torch.zeros(1, 3), inverse.unsqueeze(0), torch.zeros(1, 3), second.unsqueeze(0))[
        1
    ][0]


def test_the_tip_is_the_point_before_the_hand(mover):
    wanted = poses(n=2)
    for env_id in range(2):
        place(mover, env_id, wanted[env_id])
    tip = mover.tip_pose()
    assert torch.allclose(tip[:, :3], wanted[:, :3], atol=1e-5)
    assert (quat_error_magnitude(tip[:, 3:], wanted[:, 3:]) < 1e-3).all()


def test_phases_follow_each_other_in_each_environment_alone(mover):
    place(mover, 0, mover.goals[0, 0])
    actions = [mover.act({}) for _ in range(4)]
    assert mover.phase.tolist() == [2, 0]
    gripper = [[float(value) for value in action[:, 7]] for action in actions]
    assert gripper == [[CLOSE, OPEN]] * 4
    assert torch.equal(actions[0][1, :7], mover.goals[0, 1])
    assert torch.equal(actions[0][0, :7], mover.goals[1, 0])
    assert torch.equal(actions[3][0, :7], mover.goals[2, 0])


def test_a_latched_target_stays_and_others_are_followed(mover):
    place(mover, 0, mover.goals[0, 0])
    first = mover.act({})[:, :7]
    mover.goals = poses(n=6).view(3, 2, 7)
    second = mover.act({})[:, :7]
    assert torch.equal(second[0], first[0])
    assert torch.equal(second[1], mover.goals[0, 1])


def test_what_was_lost_begins_again_and_a_reset_reaches_only_its_environments(mover):
    for env_id in range(2):
        place(mover, env_id, mover.goals[0, env_id])
    mover.act({})
    assert mover.phase.tolist() == [1, 1]
    mover.lost[0] = True
    mover.act({})
    assert mover.phase.tolist() == [0, 1]
    mover.reset(torch.tensor([1]))
    assert mover.phase.tolist() == [0, 0]
