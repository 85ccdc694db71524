"""The scripted expert of the pick-and-place task: the same legs whichever way the cube is to be carried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from isaaclab.utils import configclass
from isaaclab.utils.math import combine_frame_transforms, compute_pose_error, quat_from_angle_axis, quat_mul

from isaaclab_datagen.experts.lift import downward
from isaaclab_datagen.experts.state_machine import CLOSE, OPEN, Phase, StateMachine

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

ABOVE, DOWN, READY, GRASP, LIFT, CARRY, LOWER, STEADY, RELEASE, LEAVE, ASIDE, RETURN = range(12)
"""The legs, in order. Backwards in time they are the same motion the other way."""


class PickPlaceStateMachine(StateMachine):
    """Over the cube, down, close, up, over its target, down, open, up, a little aside, back. What it loses it fetches.

    What is commanded moves smoothly towards each leg's end, so that the arm follows it closely, and rests while the
    fingers move, backwards too, but never for as long as a policy executes one plan. Where the cube is, is latched when
    the fingers close; where they hold it is taken into account when it is put down.

    Backwards, the way back is how the cube is approached: so it leads past places a little aside, from which a policy
    of the reversed motion learns to correct itself, and the hand keeps its turn until the end, which is then the
    beginning.
    """

    def __init__(self, cfg: PickPlaceStateMachineCfg, env: ManagerBasedRLEnv) -> None:
        self.cfg = cfg
        self._asked: Any = env.command_manager.get_term(cfg.command_name)
        near = (cfg.position_tolerance, cfg.rotation_tolerance)
        arm: Any = env.action_manager.get_term("arm_action").cfg
        super().__init__(
            env,
            arm.ik.body_name,
            tuple(arm.ik.body_offset.pos),
            [
                Phase("above", OPEN, *near),
                Phase("down", OPEN, *near),
                Phase("ready", OPEN, *near, cfg.pause_steps),
                Phase("grasp", CLOSE, min_steps=cfg.finger_steps),
                Phase("lift", CLOSE, *near),
                Phase("carry", CLOSE, *near),
                Phase("lower", CLOSE, *near),
                Phase("steady", CLOSE, *near, cfg.pause_steps),
                Phase("release", OPEN, min_steps=cfg.finger_steps),
                Phase("leave", OPEN, *near),
                Phase("aside", OPEN, *near),
                Phase("return", OPEN),
            ],
        )
        count, device = env.num_envs, env.device
        self._begins = torch.ones(count, dtype=torch.bool, device=device)
        self._leg = self._asked.leg.clone()
        self._anew = torch.zeros_like(self._begins)
        self._sent = torch.zeros(count, 7, device=device)
        self._speed = torch.zeros(count, 1, device=device)
        self._before = self.phase.clone()
        self._grasp = torch.zeros(count, 7, device=device)
        self._shift = torch.zeros(count, 3, device=device)
        gripper: Any = env.action_manager.get_term("gripper_action").cfg
        joints = env.scene["robot"].find_joints(gripper.joint_names)[0]
        self._fingers = torch.tensor(joints, device=device)
        self._lost = torch.zeros_like(self._begins)
        self._heights = torch.zeros(4, count, device=device)
        self._range = torch.tensor([*[cfg.hover_height] * 3, cfg.open_height], device=device).T.unsqueeze(-1)
        self._aside = torch.zeros(count, 3, device=device)
        self._farthest = torch.tensor([cfg.aside, cfg.aside, cfg.aside_turn], device=device)
        self._up = torch.tensor([0.0, 0.0, 1.0], device=device).expand(count, 3)

    def reset(self, env_ids: torch.Tensor) -> None:
        """See the base class."""
        super().reset(env_ids)
        self._begins[env_ids] = True

    def act(self, observations: object) -> torch.Tensor:
        """See the base class. Tells the command which leg each environment is in."""
        self._look()
        action = super().act(observations)
        self._asked.phase[:] = self.phase
        return action

    def targets(self) -> torch.Tensor:
        """See the base class."""
        cfg, target = self.cfg, self._asked.target
        put = torch.cat([target, torch.full_like(target[:, :1], cfg.rest_height), self._grasp[:, 3:]], dim=-1)
        put[:, :3] += self._shift
        put[:, 2] += cfg.release_height
        before, carried, after = self._heights[:3]
        above_grasp, above_put = self._raised(self._grasp, before), self._raised(put, after)
        aside = above_put.clone()
        aside[:, :2] += self._aside[:, :2]
        aside[:, 3:] = quat_mul(quat_from_angle_axis(self._aside[:, 2], self._up), above_put[:, 3:])
        lifted, over = self._raised(self._grasp, carried), self._raised(put, carried)
        rest = self._rest()
        return torch.stack(
            [above_grasp, *[self._grasp] * 3, lifted, over, *[put] * 3, above_put, aside, rest],
        )

    def redirect(self, phase: torch.Tensor) -> torch.Tensor:
        """See the base class.

        What was let go and is to be carried on is taken hold of anew, from above or at once; so is what was lost, once
        the fingers have met, and are high enough to open.
        """
        shift, turn = compute_pose_error(
            self.tip[:, :3], self.tip[:, 3:], self._grasp[:, :3], self._grasp[:, 3:], rot_error_type="axis_angle"
        )
        over = (shift[:, :2].norm(dim=-1) < self.cfg.over_distance) & (turn.norm(dim=-1) < self.cfg.over_angle)
        phase = torch.where(self._anew, torch.where(over, DOWN, ABOVE), phase)
        carries = (phase >= LIFT) & (phase < RELEASE) & (self.tip[:, 2] > self._heights[3])
        return torch.where(carries & self._lost, ABOVE, phase)

    def to_action(self, tip: torch.Tensor, target: torch.Tensor, gripper: torch.Tensor) -> torch.Tensor:
        """See the base class. What is sent goes towards the target, at no more than the given speeds."""
        cfg, dt = self.cfg, self.env.step_dt
        self._speed[self.phase != self._before] = 0.0
        self._before[:] = self.phase
        way, turn = compute_pose_error(
            self._sent[:, :3], self._sent[:, 3:], target[:, :3], target[:, 3:], rot_error_type="axis_angle"
        )
        distance, angle = way.norm(dim=-1, keepdim=True), turn.norm(dim=-1, keepdim=True)
        braking = (2.0 * cfg.acceleration * distance).sqrt()
        self._speed = torch.minimum(braking, self._speed + cfg.acceleration * dt).clamp(max=cfg.speed)
        step = torch.minimum(self._speed * dt, distance)
        step = torch.where(distance < cfg.snap_distance, distance, step)
        position = self._sent[:, :3] + way * step / distance.clamp(min=1e-9)
        turned = turn * (cfg.turn_speed * dt / angle.clamp(min=cfg.turn_speed * dt))
        early = (self.phase == RETURN).unsqueeze(-1) & (distance / cfg.speed > angle / cfg.turn_speed)
        turned = torch.where(early, 0.0, turned)
        size = turned.norm(dim=-1)
        rotation = quat_from_angle_axis(size, turned / size.clamp(min=1e-9).unsqueeze(-1))
        self._sent = torch.cat([position, quat_mul(rotation, self._sent[:, 3:])], dim=-1)
        return torch.cat([self._at_boundary(self._sent), gripper.unsqueeze(-1)], dim=-1)

    def _look(self) -> None:
        """Take over where things are, as long as the fingers are open."""
        tip, cube = self.tip_pose(), self.in_root_frame(self.env.scene["object"].data.root_link_pose_w.torch)
        begins, count = self._begins.unsqueeze(-1), len(tip)
        self._sent = torch.where(begins, tip, self._sent)
        self._speed[self._begins] = 0.0
        low, high = self._range
        drawn = low + (high - low) * torch.rand(4, count, device=tip.device)
        self._heights = torch.where(self._begins, drawn, self._heights)
        width = self.env.scene["robot"].data.joint_pos.torch[:, self._fingers].sum(dim=-1)
        self._lost = width < self.cfg.lost_width
        aside = self._farthest * (2.0 * torch.rand(count, 3, device=tip.device) - 1.0)
        self._aside = torch.where(begins, aside, self._aside)
        grasp = torch.cat([cube[:, :3], downward(cube[:, 3:])], dim=-1)
        grasp[:, 2] -= self.cfg.grasp_depth
        self._anew = (self._asked.leg != self._leg) & (self.phase > RELEASE)
        self._leg[:] = self._asked.leg
        free = (self._begins | self._anew | (self.phase < READY)).unsqueeze(-1)
        self._grasp = torch.where(free, grasp, self._grasp)
        held = ((self.phase >= GRASP) & (self.phase < LOWER)).unsqueeze(-1)
        self._shift = torch.where(held, tip[:, :3] - cube[:, :3], self._shift)
        self._begins[:] = False

    def _raised(self, pose: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
        raised = pose.clone()
        raised[:, 2] = height
        return raised

    def _rest(self) -> torch.Tensor:
        """The tip as it began, however it was tilted: backwards a demonstration begins so, as every episode does."""
        pose_w = self._asked.rest.clone()
        pose_w[:, :3] += self.env.scene.env_origins
        return self.in_root_frame(pose_w)

    def _at_boundary(self, pose: torch.Tensor) -> torch.Tensor:
        """From the root frame to the environment's, w before x, y, z; x of the quaternion not negative."""
        root = self.env.scene["robot"].data.root_link_pose_w.torch
        position, quaternion = combine_frame_transforms(
            root[:, :3] - self.env.scene.env_origins, root[:, 3:7], pose[:, :3], pose[:, 3:]
        )
        quaternion = quaternion * torch.where(quaternion[:, :1] < 0.0, -1.0, 1.0)
        return torch.cat([position, quaternion[:, 3:], quaternion[:, :3]], dim=-1)


@configclass
class PickPlaceStateMachineCfg:
    """Settings of :class:`PickPlaceStateMachine`."""

    class_type: type[PickPlaceStateMachine] | str = PickPlaceStateMachine

    command_name: str = "carry"
    hover_height: tuple[float, float] = (0.25, 0.3)
    """Range of the heights at which the tip moves to the side, drawn for each leg [m]. 0.15 m count as lifted; a policy
    that was shown 0.2 to 0.3 m sometimes went to the side at 0.13 m."""
    rest_height: float = 0.024
    """Height of the middle of a cube on the table [m]."""
    grasp_depth: float = 0.008
    """How far below the cube's middle it is grasped [m]: it slips by up to 6 mm while it is carried, and again when it
    is carried back from where it was released."""
    release_height: float = 0.002
    """How much higher it is released [m]."""
    position_tolerance: float = 0.003
    """Distance from which the tip has arrived [m]."""
    rotation_tolerance: float = 0.03
    """[rad]"""
    pause_steps: int = 1
    """Steps at rest before the fingers move. A policy without memory, shown rests longer than what it does of a plan
    (8 steps), cannot know how long it has waited already, and learns to wait: with 6 and 12 here that was how they
    failed."""
    finger_steps: int = 7
    """Steps at rest while they move, which takes 4 or 5. See :attr:`pause_steps`."""
    open_height: tuple[float, float] = (0.1, 0.19)
    """Range of the heights of the tip from which fingers that have closed on nothing open on the way up [m]."""
    lost_width: float = 0.004
    """Distance of the fingers below which there is nothing between them [m]."""
    over_distance: float = 0.02
    """Where the cube is taken hold of anew, the hand goes down on it at once if it is no farther aside [m]."""
    over_angle: float = 0.3
    """And turned by no more [rad]."""
    aside: float = 0.03
    """How far aside the way back leads, at most, in x and in y [m]."""
    aside_turn: float = 0.2
    """And how far the hand is turned there [rad]."""
    speed: float = 0.4
    """[m/s]"""
    acceleration: float = 1.5
    """[m/s^2]"""
    turn_speed: float = 1.5
    """[rad/s]"""
    snap_distance: float = 0.001
    """Distance that is made in one step [m]."""
