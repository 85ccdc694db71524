"""Who may import whom: the table of the design, held on the source text."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = "isaaclab_datagen"
ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "source" / PACKAGE
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))

MAY_IMPORT: dict[str, set[str]] = {
    "geometry": set(),
    "assets": {"geometry"},
    "mdp": {"geometry", "assets"},
    "motions": {"geometry", "assets"},
    "recorders": {"datasets", "geometry", "mdp"},
    "tasks": {"assets", "mdp", "recorders", "motions", "geometry"},
    "experts": {"rollout", "geometry", "registry"},
    "rollout": {"datasets"},
    "evaluation": {"rollout", "experts", "policies", "training", "datasets", "registry"},
    "datasets": {"geometry"},
    "policies": {"datasets", "rollout", "geometry"},
    "training": {"datasets", "policies"},
    "cli": {
        "assets",
        "motions",
        "rollout",
        "experts",
        "recorders",
        "datasets",
        "geometry",
        "registry",
        "policies",
        "training",
        "evaluation",
    },
    "ui": set(),
}
"""A folder of the package and what of it that folder may import, beside itself and :data:`SHARED`. Strings are free."""

SHARED = {"errors", "replayed"}
"""Modules that every folder may import."""

KIT = {"omni", "carb", "isaacsim"}
LEARNING = {"geometry", "datasets", "policies", "training", "rollout"}


def imports(tree: ast.AST, package: list[str]) -> list[tuple[int, str]]:
    """Line and absolute name of everything imported, at any depth, by a module of ``package``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = [*base, *filter(None, [node.module])]
            found += [(node.lineno, ".".join([*module, alias.name])) for alias in node.names]
    return found


def forbidden(path: str, name: str) -> bool:
    """Whether the module at ``path`` (relative to the package) must not import ``name``."""
    parts, target = path.split("/"), name.split(".")
    folder = parts[0] if len(parts) > 1 else ""
    if target[0] == PACKAGE:
        inside = target[1] if len(target) > 1 else ""
        return inside not in {*SHARED, folder, *MAY_IMPORT.get(folder, set())}
    isaaclab = target[0].startswith("isaaclab") or target[0] in KIT | {"pxr"}
    return (
        (target[0] in KIT and folder != "ui")
        or (isaaclab and (folder in LEARNING or not folder))
        or (target[0] == "torch" and path.startswith("datasets/formats/"))
    )


def breaches(path: str, text: str) -> list[str]:
    """Every import of the module at ``path`` that breaks the table, as ``file:line imports name``."""
    package = [PACKAGE, *path.split("/")[:-1]]
    return [
        f"{path}:{line} imports {name}" for line, name in imports(ast.parse(text), package) if forbidden(path, name)
    ]


def test_every_import_follows_the_table() -> None:
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.pyi")]
    modules = {file.relative_to(SOURCE).as_posix(): file.read_text() for file in files}
    without_row = {path.split("/")[0] for path in modules if "/" in path} - MAY_IMPORT.keys()
    assert not without_row, f"folders without a row in the table: {sorted(without_row)}"
    assert not [line for path, text in modules.items() for line in breaches(path, text)]


@pytest.mark.parametrize(
    ("path", "text", "broken"),
    [
        ("geometry/frames.py", "import isaaclab.utils", "geometry/frames.py:1 imports isaaclab.utils"),
        ("datasets/a.py", "def f():\n    from pxr import Usd", "datasets/a.py:2 imports pxr.Usd"),
        ("datasets/formats/x.py", "import torch", "datasets/formats/x.py:1 imports torch"),
        ("experts/x.py", "from ..tasks import lift", "experts/x.py:1 imports isaaclab_datagen.tasks.lift"),
        (
            "tasks/lift/mdp/x.py",
            "from ....experts import rl",
            "tasks/lift/mdp/x.py:1 imports isaaclab_datagen.experts.rl",
        ),
        ("cli/x.py", "from isaaclab_datagen import tasks", "cli/x.py:1 imports isaaclab_datagen.tasks"),
        ("tasks/x.py", "import omni.usd", "tasks/x.py:1 imports omni.usd"),
        ("mdp/x.py", "import isaaclab_datagen.ui", "mdp/x.py:1 imports isaaclab_datagen.ui"),
        ("__init__.py", "import omni.ext", "__init__.py:1 imports omni.ext"),
    ],
)
def test_a_breach_names_the_file_and_the_import(path: str, text: str, broken: str) -> None:
    assert breaches(path, text) == [broken]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tasks/lift/x.py", "from ...assets import franka\nfrom .mdp import rewards\nimport isaaclab.envs"),
        ("rollout/x.py", "from ..errors import RunError\nfrom ..datasets.episode import Frame\nimport torch"),
        ("datasets/formats/x.py", "from . import y\nimport numpy"),
        ("ui/x.py", "import omni.ext\nimport isaaclab.sim\nfrom .scene import open_task"),
    ],
)
def test_what_the_table_allows_passes(path: str, text: str) -> None:
    assert breaches(path, text) == []


def test_importing_the_package_root_imports_no_simulator() -> None:
    code = f"import {PACKAGE}, sys; print([m for m in ('omni', 'isaaclab', 'pxr', 'torch') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def registered_ids() -> set[str]:
    """The ``id="..."`` of every call under tasks/, read without importing anything."""
    trees = [ast.parse(file.read_text()) for file in (SOURCE / "tasks").rglob("__init__.py")]
    keywords = [
        word for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords
    ]
    return {str(word.value.value) for word in keywords if word.arg == "id" and isinstance(word.value, ast.Constant)}


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_short_and_names_no_task(script: Path) -> None:
    text = script.read_text()
    assert len(text.splitlines()) < 100, f"{script.name} has {len(text.splitlines())} lines, not under 100"
    named = [task_id for task_id in registered_ids() if task_id in text]
    assert not named, f"{script.name} names the tasks {named}"


def test_registrations_are_found() -> None:
    assert registered_ids(), "no id=... in tasks/**/__init__.py: the test of the scripts would look for nothing"
