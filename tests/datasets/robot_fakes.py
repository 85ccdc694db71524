"""Random episodes of a robot with bodies, for tests of trajectories and windows."""

from __future__ import annotations

import numpy as np
from dataset_fakes import SUCCESS, open_writer, write_episode

from isaaclab_datagen.datasets import formats

BODIES, JOINTS = 30, 29
WIDTHS = {
    "root_pose": (7,),
    "root_velocity": (6,),
    "body_pos": (BODIES, 3),
    "body_quat": (BODIES, 4),
    "body_lin_vel": (BODIES, 3),
    "joint_pos": (JOINTS,),
    "joint_vel": (JOINTS,),
}


def robot_frames(rng, steps: int) -> list[dict[str, np.ndarray]]:
    """T + 1 frames of a robot that moves smoothly and somewhere; its first body is its root."""
    time = np.arange(steps + 1)[:, None] / 50
    columns = {}
    for name, shape in WIDTHS.items():
        phases, rates = rng.uniform(0, 6, int(np.prod(shape))), rng.uniform(0.2, 3, int(np.prod(shape)))
        columns[name] = np.sin(phases + rates * time).reshape(steps + 1, *shape)
    for quat in (columns["root_pose"][:, 3:], columns["body_quat"]):
        quat /= np.linalg.norm(quat, axis=-1, keepdims=True)
    columns["body_pos"][:, 0], columns["body_quat"][:, 0] = columns["root_pose"][:, :3], columns["root_pose"][:, 3:]
    columns["body_lin_vel"][:, 0] = columns["root_velocity"][:, :3]
    columns["scene/articulation/robot/joint_position"] = columns["joint_pos"]
    columns["scene/articulation/robot/root_pose"] = columns["root_pose"]
    rows = {name: values.astype(np.float32) for name, values in columns.items()}
    frames = []
    for step in range(steps + 1):
        frame = {name: values[step] for name, values in rows.items()} | {"motion_frame": np.asarray(step, np.int32)}
        if step < steps:
            frame["action"] = rng.normal(size=JOINTS).astype(np.float32)
            frame["executed_action"] = rng.normal(size=JOINTS).astype(np.float32)
        frames.append(frame)
    return frames


def robot_dataset(out, lengths, outcomes=None):
    """A diffuse_cloc dataset of episodes of so many actions."""
    writer = open_writer(out, "diffuse_cloc")
    for index, steps in enumerate(lengths):
        outcome = SUCCESS if outcomes is None else outcomes[index]
        write_episode(writer, index, robot_frames(np.random.default_rng(index), steps), outcome)
    writer.close()
    return formats.open_reader(out)
