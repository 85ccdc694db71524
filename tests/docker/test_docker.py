"""The container files, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml

from isaaclab_datagen.cli import launch, options

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
DOCKERFILES = sorted(path for path in DOCKER.glob("Dockerfile*") if path.suffix != ".dockerignore")
COLLECT = DOCKER / "collect.sh"


def dry_run(*words: str, **variables: str) -> list[list[str]]:
    """The commands that docker/collect.sh would run."""
    environment = {**os.environ, "DRY_RUN": "1", **variables}
    said = subprocess.run([COLLECT, *words], env=environment, capture_output=True, text=True, check=True).stdout
    return [shlex.split(line[2:]) for line in said.splitlines() if line.startswith("+ ")]


def inside(command: list[str]) -> tuple[str, list[str]]:
    """Script and arguments of what runs in the container."""
    at = command.index("python")
    return command[at + 1], command[at + 2 :]


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_every_service_is_built_from_a_file_and_mounts_the_workspace_at_its_own_path(service):
    described = COMPOSE["services"][service]
    assert (DOCKER / described["build"]["context"] / described["build"]["dockerfile"]).is_file()
    source, _, target = described["volumes"][0].rpartition(":${")
    assert source == "${" + target == described["working_dir"]
    assert described["shm_size"] == "16g"
    assert {volume.split(":")[0] for volume in described["volumes"][1:]} <= COMPOSE["volumes"].keys()


def test_the_gpu_and_what_isaac_sim_needs():
    services = COMPOSE["services"]
    for service in ("datagen", "isaacsim"):
        device = services[service]["deploy"]["resources"]["reservations"]["devices"][0]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert "deploy" not in services["datagen-cpu"]
    assert services["isaacsim"]["environment"]["CARB_WINDOWING_USE_EGL"] == "1"
    assert "PYTHONPATH" in services["isaacsim"]["environment"]


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_what_an_image_copies_is_there_and_not_ignored(dockerfile):
    copied = [word for line in re.findall(r"^COPY (.*) \S+$", dockerfile.read_text(), re.M) for word in line.split()]
    kept = dockerfile.with_name(f"{dockerfile.name}.dockerignore").read_text().splitlines()
    assert {"pyproject.toml", "uv.lock", "source"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists()
        assert f"!{name}" in kept


def test_versions_are_those_of_the_project():
    uv = re.search(r"^UV_VERSION := (\S+)", (ROOT / "Makefile").read_text(), re.M)
    assert uv is not None
    assert f"ARG UV_VERSION={uv[1]}\n" in (DOCKER / "Dockerfile").read_text()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    installed = re.findall(r'"([\w\[\],-]+[=>]=[\w.]+)"', (DOCKER / "Dockerfile.isaacsim").read_text())
    assert set(installed) == {name for name in wanted if not name.startswith("isaaclab")}


def test_what_isaac_labs_scripts_print_stays_out_of_the_constraints(tmp_path):
    """The steps of Dockerfile.isaacsim, on stand-ins that print a line first and keep what pip is given."""
    paths = {"/usr/local/bin": tmp_path / "bin", "/tmp/constraints.txt": tmp_path / "constraints.txt"}
    stand_in = f"""#!/bin/bash
        [ "$1" = -p ] && shift
        echo '[INFO] Using Python: "python.sh"'
        [ "$1 $2" = "-m pip" ] || exec {sys.executable} "$@"
        cp {paths["/tmp/constraints.txt"]} {tmp_path}/given
        echo "$@" > {tmp_path}/asked"""
    for name in ("bin", "_isaac_sim"):
        (tmp_path / name).mkdir()
    for name in ("isaaclab.sh", "_isaac_sim/python.sh"):
        (tmp_path / name).write_text(stand_in)
        (tmp_path / name).chmod(0o755)
    text = (DOCKER / "Dockerfile.isaacsim").read_text()
    for step in re.findall(r"^RUN ((?:.*\\\n)*.*)", text, re.M)[:2]:
        for inside, here in paths.items():
            step = step.replace(inside, str(here))
        known = {"ISAACLAB_PATH": str(tmp_path), "RAY_VERSION": "1", "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        subprocess.run(["bash", "-e", "-o", "pipefail", "-c", step], env={**os.environ, **known}, check=True)
    assert (tmp_path / "given").read_text() == f"numpy=={np.__version__}"
    assert "ray[default,serve]==1" in (tmp_path / "asked").read_text()
    assert not paths["/tmp/constraints.txt"].exists()


def test_the_script_is_one_that_bash_understands():
    subprocess.run(["bash", "-n", COLLECT], check=True)


def test_the_script_removes_nothing():
    assert not re.search(r"\b(rm|rmdir|mv|prune|down)\b", COLLECT.read_text().replace("--rm", ""))


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ([], "datasets/vpl"),
        (["--task", "Lift-Custom-IK", "--format", "vpl", "--episodes", "4", "--out", "here"], "here"),
        (["--task", "Lift-Custom-IK", "--format", "avdc", "--episodes", "4", "--out=there"], "there"),
        (["--task", "Lift-Custom-IK", "--format", "avdc", "--episodes", "4"], "datasets"),
    ],
)
def test_the_four_steps_run_commands_that_our_parsers_know(words, out, monkeypatch, capsys):
    build, collect, inspect = dry_run(*words)
    assert build[-2:] == ["build", "datagen"]
    script, given = inside(collect)
    assert (ROOT / script).is_file()
    monkeypatch.setattr(sys, "argv", ["collect.py"])
    args, rest = options.collect_parser(launch.format_name(given)).parse_known_args(given)
    assert (args.out, rest) == (out, [])
    assert inside(inspect) == ("scripts/inspect_data.py", [out])


def test_another_service_can_be_chosen():
    assert [command[-1] if "build" in command else command[6] for command in dry_run(SERVICE="isaacsim")] == [
        "isaacsim"
    ] * 3
