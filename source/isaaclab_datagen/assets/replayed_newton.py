"""Newton on a CPU, stepped from a recording as on a GPU: the same numbers, without Python's part of each launch.

A physics step is hundreds of small kernels. Isaac Lab records them into a CUDA graph on a GPU and launches them one by
one on a CPU, where Python then takes most of the time: the lift task with 4 environments stepped at 96 ms of processor
time, and at 31 ms from a recording, with states equal in every bit. Warp records on a CPU too since 1.17. An
environment's numbers do not hang on what the others do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import warp as wp
from isaaclab.physics import PhysicsManager
from isaaclab_newton.physics.mjwarp_manager import NewtonMJWarpManager
from isaaclab_newton.physics.newton_manager import NewtonManager


class NewtonReplayManager(NewtonMJWarpManager):
    """MuJoCo-Warp whose steps are replayed on a CPU, unless ``NewtonCfg.use_cuda_graph`` is off.

    A recording lives as long as one on a GPU would: until Isaac Lab calls for another. Isaac Lab finds the classes of
    the backend by the first word of this class's name.
    """

    _recordings: ClassVar[dict[str, wp.Graph | None]] = {}
    """What was recorded, by what it does; None after its first step, which may still load and allocate."""

    @classmethod
    def clear(cls) -> None:
        """Forget the recordings with the model that they step."""
        cls._recordings.clear()
        super().clear()

    @classmethod
    def _invalidate_graph(cls) -> None:
        cls._recordings.clear()
        super()._invalidate_graph()

    @classmethod
    def _initialize_contacts(cls) -> None:
        """On a CPU, have contacts sorted.

        Else their order in an environment hangs on how many the environments before it have (Newton's narrow phase
        strides over the pairs of all), and with it the last bits of their sums.
        """
        asked = NewtonManager._deterministic_mode
        if PhysicsManager._device == "cpu":
            NewtonManager._deterministic_mode = wp.DeterministicMode.RUN_TO_RUN
        try:
            super()._initialize_contacts()
        finally:
            NewtonManager._deterministic_mode = asked

    @classmethod
    def _simulate_full(cls) -> None:
        cls._replay("full", super()._simulate_full)

    @classmethod
    def _simulate_physics_only(cls) -> None:
        cls._replay("physics", super()._simulate_physics_only)

    @classmethod
    def _replay(cls, what: str, simulate: Callable[[], None]) -> None:
        cfg, device = PhysicsManager._cfg, PhysicsManager._device
        if device != "cpu" or cfg is None or not cfg.use_cuda_graph:  # type: ignore[attr-defined]
            simulate()
        elif what not in cls._recordings:
            simulate()
            cls._recordings[what] = None
        else:
            if cls._recordings[what] is None:
                with wp.ScopedCapture(device=device) as capture:
                    simulate()
                cls._recordings[what] = capture.graph
            wp.capture_launch(cls._recordings[what])
