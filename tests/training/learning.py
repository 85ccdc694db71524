"""Small datasets and tiny policies, for tests of what learns. Everything is real but small."""

from __future__ import annotations

import numpy as np
from dataset_fakes import FAILURE, SUCCESS, open_writer, random_frames, write_episode

TINY = {
    "down_dims": "[16, 32]",
    "horizon": "8",
    "n_action_steps": "4",
    "n_groups": "4",
    "diffusion_step_embed_dim": "16",
    "spatial_softmax_num_keypoints": "4",
    "use_separate_rgb_encoder_per_camera": "false",
    "crop_shape": "[20, 28]",
    "num_inference_steps": "2",
}
"""Fields of a policy that takes a tenth of a second a step."""


def episode(seed, steps=12, shift=0.0):
    """Frames whose actions are poses: a way, and a quaternion of either sign."""
    frames = random_frames(np.random.default_rng(seed), steps)
    for frame in frames:
        for name in ("ee_pose", "object_pose"):
            frame[name][:3] = np.tanh(frame[name][:3]) + shift
            frame[name][3:] = (1, 0, 0, 0)
    return frames


def dataset(out, episodes=3, failures=0, shift=0.0, seed=0, **identity):
    """A vpl dataset of random frames."""
    writer = open_writer(out, "vpl", **identity)
    for index in range(episodes + failures):
        outcome = SUCCESS if index < episodes else FAILURE
        write_episode(writer, index, episode(seed + index, 12 + index, shift), outcome)
    writer.close()
    return out
