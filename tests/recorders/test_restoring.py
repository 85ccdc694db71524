"""What cannot be restored is refused by name. That restoring works is shown by ``tests/scripts/test_replay.py``."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from isaaclab_datagen.errors import RunError
from isaaclab_datagen.recorders.restoring import restore, restore_commands

NUM_ENVS = 4
IDS = torch.tensor([2, 0])


class Commands:
    """Two commands: one lies in a buffer, one may be computed anew whenever it is asked for."""

    active_terms = ("goal", "speed")

    def __init__(self, computed: bool) -> None:
        self.goal, self.speed, self._computed = torch.zeros(NUM_ENVS, 3), torch.zeros(NUM_ENVS, 2), computed

    def get_command(self, name: str) -> torch.Tensor:
        command = getattr(self, name)
        return command.clone() if self._computed and name == "speed" else command

    def get_term(self, name: str) -> str:
        return name


def environment(computed: bool = False) -> SimpleNamespace:
    state = {"rigid_object": {"cube": {"root_pose": torch.zeros(NUM_ENVS, 7)}}}
    return SimpleNamespace(
        device="cpu",
        scene=SimpleNamespace(get_state=lambda: state, articulations={}, write_data_to_sim=lambda: None),
        command_manager=Commands(computed),
        observation_manager=SimpleNamespace(reset=lambda ids: None, compute=lambda update_history: {"policy": "new"}),
        reset_to=lambda state, ids, is_relative: calls.append((state, ids.tolist(), is_relative)),
    )


calls: list = []


def frame(value: float) -> dict[str, np.ndarray]:
    return {
        "scene/rigid_object/cube/root_pose": np.full(7, value, np.float32),
        "command/goal": np.full(3, value, np.float32),
        "command/speed": np.full(2, value, np.float32),
        "observations/policy": np.zeros(9),
    }


def test_states_and_commands_reach_their_environments():
    calls.clear()
    env = environment()
    restore(env, [frame(1.0), frame(2.0)], IDS)
    ((state, ids, is_relative),) = calls
    assert ids == IDS.tolist() and is_relative
    assert state.keys() == {"rigid_object"}
    assert state["rigid_object"]["cube"]["root_pose"][:, 0].tolist() == [1.0, 2.0]
    assert env.command_manager.goal[:, 0].tolist() == [2.0, 0.0, 1.0, 0.0]
    assert env.obs_buf == {"policy": "new"}


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("scene/rigid_object/cube/root_pose", None, r"root_pose: it is absent in the dataset, \(7,\)"),
        ("scene/rigid_object/cube/root_pose", np.zeros(6), r"root_pose: it is \(6,\) in the dataset, \(7,\)"),
        ("command/goal", None, r"command/goal: it is absent in the dataset, \(3,\)"),
    ],
)
def test_a_frame_of_another_scene_is_refused(name, value, part):
    broken = frame(1.0)
    del broken[name]
    if value is not None:
        broken[name] = value
    with pytest.raises(RunError, match=part):
        restore(environment(), [broken], IDS[:1])
    with pytest.raises(RunError, match=part):
        restore(environment(), [frame(1.0), broken], IDS)


def test_a_command_that_cannot_be_set_is_refused():
    with pytest.raises(RunError, match="command 'speed' .* cannot be set"):
        restore_commands(environment(computed=True), [frame(1.0), frame(2.0)], IDS)
