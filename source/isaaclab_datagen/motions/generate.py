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


def walk() -> Configuration:
    """The walk clip's best cycle of about 1 s, repeated along x."""
    return retarget(humanoid.resample(humanoid.loop(humanoid.read("walk"), SECONDS, (0.9, 1.3)), FPS))


def centred(configuration: Configuration) -> Configuration:
    """Put the first frame's root over the origin."""
    return replace(configuration, root_pos=configuration.root_pos - configuration.root_pos[0] * [1.0, 1.0, 0.0])


def run() -> Configuration:
    """The run clip's best cycle of about 0.7 s, repeated along x."""
    return retarget(humanoid.resample(humanoid.loop(humanoid.read("run"), SECONDS, (0.5, 1.0)), FPS))


def dance() -> Configuration:
    """The whole dance clip."""
    return retarget(humanoid.resample(humanoid.read("dance"), FPS))


MOTIONS: dict[str, Callable[[], Configuration]] = {
    "walk": walk,
    "run": run,
    "dance": dance,
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
