"""What is recorded of any task that has an articulation."""

from __future__ import annotations

from isaaclab.managers import SceneEntityCfg

from isaaclab_datagen import mdp
from isaaclab_datagen.recorders.recorders_cfg import ChannelCfg, DatasetRecorderCfg


def add_robot_channels(cfg: DatasetRecorderCfg, robot: str, ee_body: str, asked: bool = False) -> None:
    """Record ``joint_pos``, ``joint_vel`` and ``ee_pose`` too. Channels of these names that are there stay, also None.

    Args:
        cfg: Changed in place.
        robot: Name of the articulation in the scene.
        ee_body: Its end-effector body, or a regular expression that one body's name matches in full.
        asked: Whether the user has asked for this body: then an ``ee_pose`` that is there does not stay.
    """
    joints, body = SceneEntityCfg(robot), SceneEntityCfg(robot, body_names=ee_body)
    channels = {
        "joint_pos": ChannelCfg(func=mdp.joint_position, params={"asset_cfg": joints}),
        "joint_vel": ChannelCfg(func=mdp.joint_velocity, params={"asset_cfg": joints}),
        "ee_pose": ChannelCfg(func=mdp.body_pose, params={"asset_cfg": body}),
    }
    own = {name: channel for name, channel in cfg.frames.channels.items() if name != "ee_pose" or not asked}
    cfg.frames.channels = {**channels, **own}
