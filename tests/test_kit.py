"""The repository root is an Omniverse extension: the real Kit kernel loads it, without a GPU.

The kernel's requirements clash with this project's, so it runs in ``.venv-kit``, which ``make kit-env`` builds. Kit's
user interface is not on PyPI: in the test of the menu two extensions of a few lines stand for it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NAME = "isaaclab_datagen"
MODULES = {NAME, f"{NAME}.ui", f"{NAME}.ui.extension"}

pytestmark = [
    pytest.mark.kit,
    pytest.mark.skipif(
        os.environ.get("OMNI_KIT_ACCEPT_EULA", "").lower() not in ("y", "yes", "1"),
        reason="OMNI_KIT_ACCEPT_EULA=YES is not set: it accepts NVIDIA's licence of the Kit kernel",
    ),
]

PROBE = """
import json, sys
from isaacsim.kit.kit_app import KitApp

folder, name, answer, *others = sys.argv[1:]
enable = [word for extension in (name, *others) for word in ("--enable", extension)]
quiet = ["--no-window", "--allow-root", "--/app/extensions/registryEnabled=0", "--/app/settings/persistent=0"]
app = KitApp()
app.startup(["--ext-folder", folder, *enable, *quiet, "--/log/level=info", "--/log/outputStreamLevel=info"])
app.update()
manager = app.extension_manager
found = {"enabled": manager.is_extension_enabled(name), "modules": [m for m in sys.modules if m.startswith(name)]}
if others:
    menu = sys.modules["omni.kit.menu.utils"]
    found["items"] = list(menu.ITEMS)
    manager.set_extension_enabled_immediate(name, False)
    found["items_after"] = list(menu.ITEMS)
with open(answer, "w") as file:
    json.dump(found, file)
app.shutdown()
"""

MENU = """
ITEMS = []

class MenuItemDescription:
    def __init__(self, name, onclick_action):
        self.row = [name, *onclick_action]

def add_menu_items(items, menu):
    ITEMS.extend([menu, *item.row] for item in items)

def remove_menu_items(items, menu):
    for item in items:
        ITEMS.remove([menu, *item.row])
"""

ACTIONS = """
class Registry:
    def register_action(self, extension, action, function, description=""):
        assert callable(function)

    def deregister_all_actions_for_extension(self, extension):
        pass

def get_action_registry():
    return Registry()
"""


@pytest.fixture(scope="session")
def kit_python() -> Path:
    """The interpreter of the environment that holds the kernel, built when it is not there."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    subprocess.run(["make", "--silent", "kit-env"], cwd=ROOT, env=environment, check=True)
    return ROOT / ".venv-kit" / "bin" / "python"


@pytest.fixture
def load(kit_python: Path, tmp_path: Path) -> Callable[..., dict]:
    """Starts the kernel with the extensions of a folder; says what became of ours and what Kit reported."""

    def start(folder: Path, *others: str, pythonpath: str = "") -> dict:
        answer = tmp_path / "answer.json"
        # Kit writes its caches and logs into the home folder.
        environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": pythonpath}
        command = [str(kit_python), "-c", PROBE, str(folder), NAME, str(answer), *others]
        run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        output = run.stdout + run.stderr
        assert answer.exists(), output
        errors = [line for line in output.splitlines() if "[Error]" in line]
        return json.loads(answer.read_text()) | {"output": output, "errors": errors}

    return start


@pytest.fixture
def extensions(tmp_path: Path) -> Path:
    """A folder of extensions. Kit names an extension after its folder; a clone may have any name, so it is linked."""
    folder = tmp_path / "extensions"
    folder.mkdir()
    (folder / NAME).symlink_to(ROOT)
    return folder


def started(found: dict) -> bool:
    """Whether our extension is enabled, its modules are imported, its startup was called and nothing went wrong."""
    return (
        found["enabled"] and set(found["modules"]) >= MODULES and "TaskMenu" in found["output"] and not found["errors"]
    )


def test_the_kernel_starts_the_extension(load: Callable[..., dict], extensions: Path) -> None:
    found = load(extensions)
    assert started(found), found["output"]
    assert "no menu of tasks" in found["output"]
    assert set(found["modules"]) == MODULES, "without a user interface nothing else is imported"


@pytest.mark.parametrize(
    ("file", "old", "new", "reported"),
    [
        ("config/extension.toml", "[package]", "[package", "Failed to parse a config"),
        ("config/extension.toml", f"{NAME}.ui.extension", f"{NAME}.absent", f"No module named '{NAME}.absent'"),
        ("config/extension.toml", "{ optional = true }", "{}", "No versions of omni.kit.actions.core"),
        (f"source/{NAME}/ui/extension.py", "self._items: list[Any] = []", "raise OSError", "Failed to startup python"),
    ],
    ids=["broken manifest", "absent module", "absent dependency", "failing startup"],
)
def test_a_broken_extension_is_reported(
    load: Callable[..., dict], tmp_path: Path, file: str, old: str, new: str, reported: str
) -> None:
    copy = tmp_path / "copies" / NAME
    for folder in ("config", f"source/{NAME}/ui"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "source" / NAME / "__init__.py", copy / "source" / NAME)
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    found = load(copy.parent)
    assert not started(found)
    assert reported in found["output"]


def test_with_a_menu_bar_every_task_gets_an_item(load: Callable[..., dict], extensions: Path) -> None:
    modules = {"omni.kit.menu.utils": MENU, "omni.kit.actions.core": ACTIONS}
    for module, text in modules.items():
        package = extensions / module / Path(*module.split("."))
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(text)
        (extensions / module / "config").mkdir()
        (extensions / module / "config" / "extension.toml").write_text(f'[[python.module]]\nname = "{module}"\n')
    found = load(extensions, *modules, pythonpath=sysconfig.get_path("purelib"))
    assert started(found), found["output"]
    assert ["Isaac Lab data generation", "Lift-Custom-IK"] in [item[:2] for item in found["items"]]
    assert not found["items_after"]
