"""Motions that stay in place: both feet flat on the ground, the centre of mass above them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from isaaclab_datagen.assets.g1 import BODY_NAMES, FEET, JOINT_NAMES, SOLE, STANDING
from isaaclab_datagen.motions.inverse_kinematics import Configuration, Target, solve
from isaaclab_datagen.motions.kinematics import centre_of_mass, forward, g1
from isaaclab_datagen.motions.names import by_expression

HEIGHT = 0.74
"""Of the pelvis when it stands [m]: knees slightly bent."""

FOOT_CENTRE = 0.03
"""Of the sole before the foot's frame [m]."""

WIDTH = 0.13
"""Of each foot from the middle [m]."""


@dataclass(frozen=True)
class Pose:
    """What a motion varies, over T frames. Angles in rad, lengths in m."""

    drop: np.ndarray
    """How far the pelvis is lowered. Shape is (T,)."""
    shift: np.ndarray
    """How far the centre of mass is from the middle between the feet, to the left. Shape is (T,)."""
    pitch: np.ndarray
    """How far the torso leans forward. Shape is (T,)."""
    yaw: np.ndarray
    """How far the torso turns to the left. Shape is (T,)."""
    joints: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Joints of the arms, by name. Shapes are (T,)."""


def squat(fps: float, seconds: float) -> Configuration:
    """Knee bends of 3 s, arms forward while down."""
    down = _swing(fps, seconds, 3.0)
    arms = {
        f"{side}_{name}_joint": rest + change * down
        for side in ("left", "right")
        for name, rest, change in (("shoulder_pitch", 0.2, -1.3), ("elbow", 0.6, 0.3))
    }
    zero = np.zeros_like(down)
    return solved(Pose(0.2 * down, zero, 0.35 * down, zero, arms))


def wave(fps: float, seconds: float) -> Configuration:
    """The right arm is raised and waves, twice in 6 s."""
    up = np.clip(1.6 * _swing(fps, seconds, 6.0) - 0.2, 0.0, 1.0)
    up = up * up * (3 - 2 * up)
    time = np.arange(len(up)) / fps
    arms = {
        "right_shoulder_pitch_joint": 0.2 - 0.5 * up,
        "right_shoulder_roll_joint": -0.2 - 1.2 * up,
        "right_shoulder_yaw_joint": -0.2 * up,
        "right_elbow_joint": 0.6 - (0.9 + 0.45 * np.sin(2 * np.pi * time / 0.8)) * up,
    }
    zero = np.zeros_like(up)
    return solved(Pose(0.01 * up, zero, zero, 0.15 * up, arms))


def sway(fps: float, seconds: float) -> Configuration:
    """The weight goes from foot to foot and back in 4 s, the torso turns and the arms swing with it."""
    side = np.sin(2 * np.pi * np.arange(round(seconds * fps) + 1) / fps / 4.0)
    side = side * np.clip(np.arange(len(side)) / fps / 2.0, 0.0, 1.0)
    arms = {
        "left_shoulder_pitch_joint": 0.2 + 0.5 * side,
        "right_shoulder_pitch_joint": 0.2 - 0.5 * side,
    }
    return solved(Pose(0.02 + 0.02 * side**2, 0.07 * side, np.zeros_like(side), 0.3 * side, arms))


def solved(pose: Pose) -> Configuration:
    """Return the motion that a pose over time describes: feet first, then balance, then the torso and the arms."""
    tree, count = g1(), len(pose.drop)
    rest = np.tile(by_expression(STANDING, JOINT_NAMES), (count, 1))
    weights = np.full(len(JOINT_NAMES), 1e-3)
    arms = [JOINT_NAMES.index(name) for name in JOINT_NAMES if "shoulder" in name or "elbow" in name or "wrist" in name]
    weights[arms] = 1.0
    for name, values in pose.joints.items():
        rest[:, JOINT_NAMES.index(name)] = values
    torso = Rotation.from_euler("ZY", np.stack([pose.yaw, pose.pitch], axis=1)).as_matrix()
    pelvis = Rotation.from_euler("ZY", np.stack([0.4 * pose.yaw, 0.4 * pose.pitch], axis=1)).as_matrix()
    position = np.stack([np.zeros(count), pose.shift, HEIGHT - pose.drop], axis=1)
    found = Configuration(position, np.tile([0.0, 0.0, 0.0, 1.0], (count, 1)), rest)
    fixed = [*_feet(count), Target(BODY_NAMES.index("torso_link"), None, torso, rotation_weight=1.0)]
    for _ in range(4):
        target = Target(0, position, pelvis, 1.0, 0.3)
        found = solve(tree, found, [*fixed, target], (rest, weights), tree.limits * 0.97, iterations=20)
        poses = forward(tree, found.root_pos, found.root_quat, found.joint_pos)
        off = np.stack([np.full(count, FOOT_CENTRE), pose.shift], axis=1) - centre_of_mass(tree, poses)[:, :2]
        position = position + np.c_[off, np.zeros(count)]
    return replace(found)


def _feet(count: int) -> list[Target]:
    turn = np.tile(np.eye(3), (count, 1, 1))
    return [
        Target(BODY_NAMES.index(name), np.tile([0.0, side * WIDTH, SOLE], (count, 1)), turn, 100.0, 30.0)
        for name, side in zip(FEET, (1, -1), strict=True)
    ]


def _swing(fps: float, seconds: float, period: float) -> np.ndarray:
    """From 0 to 1 and back, smoothly, once in each ``period`` [s]. Shape is (T,)."""
    time = np.arange(round(seconds * fps) + 1) / fps
    return 0.5 - 0.5 * np.cos(2 * np.pi * time / period)
