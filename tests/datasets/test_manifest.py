from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from isaaclab_datagen.datasets import manifest
from isaaclab_datagen.datasets.manifest import Manifest, derive_seed, open_or_create
from isaaclab_datagen.errors import RunError, UsageError


def wanted(path: Path, provenance=None, **identity) -> Manifest:
    whole = {"task": "Lift", "seed": 1, "env": {"sim": {"dt": 0.01}, "limits": (0.0, float("nan"))}, **identity}
    return Manifest(path / "dataset.json", "fake", 1, whole, provenance or {})


def test_the_same_identity_opens_what_is_there(tmp_path):
    first = open_or_create(wanted(tmp_path, {"names": np.arange(3), "file": Path("x")}))
    first.describe({"intrinsics": np.eye(3)})
    again = open_or_create(wanted(tmp_path))
    assert again == first == Manifest.load(first.path)
    assert again.provenance == {"names": [0, 1, 2], "file": "x", "intrinsics": np.eye(3).tolist()}


def test_what_a_format_adds_stands_beside_the_rest_and_is_read_back(tmp_path):
    first = open_or_create(wanted(tmp_path))
    first.count({"num_episodes": 3, "episodes": [0, 1, 5]})
    assert json.loads(first.path.read_text())["num_episodes"] == 3
    again = open_or_create(wanted(tmp_path))
    assert again.contents == {"num_episodes": 3, "episodes": [0, 1, 5]}
    again.count({"num_episodes": 4})
    assert Manifest.load(first.path).contents == {"num_episodes": 4}


def test_every_difference_is_named_with_both_values(tmp_path):
    open_or_create(wanted(tmp_path))
    with pytest.raises(UsageError) as error:
        open_or_create(wanted(tmp_path, seed=2, env={"sim": {"dt": 0.02}}, extra="x"))
    message = str(error.value)
    assert "seed is 1 there, 2 here" in message
    assert "env.sim.dt is 0.01 there, 0.02 here" in message
    assert 'extra is absent there, "x" here' in message
    assert "--out" in message
    assert "\n" not in message
    assert "task" not in message


def test_many_differences_stay_one_line(tmp_path):
    open_or_create(wanted(tmp_path, many={str(i): i for i in range(50)}))
    with pytest.raises(UsageError, match="and 44 more differ"):
        open_or_create(wanted(tmp_path, many={str(i): -1 for i in range(50)}))


def test_an_empty_dataset_may_change_its_identity_but_not_forget_its_sessions(tmp_path):
    open_or_create(wanted(tmp_path)).begin_session()
    changed = open_or_create(wanted(tmp_path, seed=2), keep_identity=False)
    assert changed.identity["seed"] == 2
    assert changed.begin_session() == 1


def test_sessions_count_up_across_processes(tmp_path):
    assert [open_or_create(wanted(tmp_path)).begin_session() for _ in range(3)] == [0, 1, 2]
    assert {"number", "started", "version", "commit"} == Manifest.load(tmp_path / "dataset.json").sessions[0].keys()


def test_a_kill_while_saving_leaves_the_old_one(tmp_path, monkeypatch):
    opened = open_or_create(wanted(tmp_path))

    def killed(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        opened.begin_session()
    assert Manifest.load(opened.path).sessions == []


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": "x", "surprise": 1}', "\x00\xff"])
def test_a_foreign_file_is_not_a_manifest(content, tmp_path):
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(RunError, match="dataset.json"):
        Manifest.load(tmp_path / "dataset.json")


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        (None, "identity", None),
        (None, "identity", []),
        (None, "provenance", None),
        (None, "sessions", None),
        (None, "format_version", "1"),
        *(("identity", name, None) for name in ("task", "cameras", "seed", "num_envs", "device", "env")),
        *(("provenance", name, None) for name in ("args", "overrides", "joint_names")),
        ("identity", "cameras", "zz"),
        ("identity", "num_envs", "2"),
        ("identity", "variants", ["a"]),
        ("identity", "variants", "a"),
        ("identity", "variants", {"a": 3}),
        ("provenance", "overrides", [3]),
        ("provenance", "step_dt", "x"),
    ],
)
def test_what_has_another_type_is_refused_by_name(part, name, value, tmp_path):
    open_or_create(wanted(tmp_path, variants={"a": "b"}))
    path = tmp_path / "dataset.json"
    saved = json.loads(path.read_text())
    (saved if part is None else saved[part])[name] = value
    path.write_text(json.dumps(saved))
    with pytest.raises(RunError) as error:
        Manifest.load(path, "fake", 1, {"variants": dict[str, str]})
    assert str(error.value).startswith(f"{path}: {name} is {value!r}, not ")


def test_what_a_format_needs_must_be_said(tmp_path):
    path = open_or_create(wanted(tmp_path)).path
    with pytest.raises(RunError, match="does not say variants"):
        Manifest.load(path, "fake", 1, {"variants": dict[str, str]})
    with pytest.raises(RunError, match="not the manifest of a dataset of format other"):
        Manifest.load(path, "other", 1)


def test_what_json_cannot_hold_is_refused_by_value(tmp_path):
    with pytest.raises(TypeError, match="object"):
        open_or_create(wanted(tmp_path, thing=object()))
    assert not (tmp_path / "dataset.json").exists()


def test_seeds_differ_between_sessions_and_repeat():
    seeds = {derive_seed(seed, session) for seed in range(50) for session in range(1, 50)}
    assert len(seeds) == 50 * 49
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(42, 0) == 42
    assert derive_seed(42, 3) == derive_seed(42, 3)
    with pytest.raises(UsageError, match="-1"):
        derive_seed(-1, 0)


def test_the_commit_is_of_this_clone():
    origin = manifest._origin()
    assert origin["version"]
    assert origin["commit"] is None or len(origin["commit"].removesuffix("-dirty")) == 40
    json.dumps(origin)
