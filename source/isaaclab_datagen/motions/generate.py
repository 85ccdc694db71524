"""Makes the built-in motions: ``python -m isaaclab_datagen.motions.generate``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from isaaclab_datagen.motions import humanoid, in_place
from isaaclab_datagen.motions.files import save_configuration
from isaaclab_datagen.motions.inverse_kinematics import Configuration
from isaaclab_datagen.motions.retarget import retarget

FPS = 50.0
"""Rate of the tracking task's control [Hz]."""

SECONDS = 12.0
"""Least duration of a loop: an episode lasts 10 s."""


PERIODS = {"walk": (0.9, 1.3), "run": (0.5, 1.0)}
"""Shortest and longest cycle to look for in the clips of gaits [s]: their best one is repeated along x."""


def clip(name: str) -> humanoid.Clip:
    """What a motion is retargeted from: one of :data:`humanoid.CLIPS` at the task's rate, a gait as a loop."""
    read = humanoid.read(name)
    return humanoid.resample(humanoid.loop(read, SECONDS, PERIODS[name]) if name in PERIODS else read, FPS)


def centred(configuration: Configuration) -> Configuration:
    """Put the first frame's root over the origin."""
    return replace(configuration, root_pos=configuration.root_pos - configuration.root_pos[0] * [1.0, 1.0, 0.0])


def retargeted(name: str) -> Configuration:
    """A clip as the G1's motion."""
    return retarget(clip(name))


MOTIONS: dict[str, Callable[[], Configuration]] = {
    **{name: partial(retargeted, name) for name in humanoid.CLIPS},
    "squat": partial(in_place.squat, FPS, SECONDS),
    "wave": partial(in_place.wave, FPS, SECONDS),
    "sway": partial(in_place.sway, FPS, SECONDS),
}


def main() -> None:
    """Write every built-in motion."""
    for name, made in MOTIONS.items():
        save_configuration(centred(made()), FPS, Path(__file__).with_name("builtin") / f"{name}.npz")


if __name__ == "__main__":
    main()
