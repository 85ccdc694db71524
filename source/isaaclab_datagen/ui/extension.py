"""A menu that lists the registered tasks.

Only Kit itself is needed to import this module. The kernel alone was run (``tests/test_kit.py``); the menu was not,
because Kit's user interface comes with Isaac Sim only.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

import carb  # pyright: ignore[reportMissingImports]
import omni.ext  # pyright: ignore[reportMissingImports]
import omni.kit.app  # pyright: ignore[reportMissingImports]

MENU = "Isaac Lab data generation"
UI_EXTENSIONS = ("omni.kit.actions.core", "omni.kit.menu.utils")


class TaskMenuExtension(omni.ext.IExt):
    """Adds one menu item a task where Kit's user interface is loaded, and nothing where it is not."""

    def on_startup(self, ext_id: str) -> None:
        """Called by Kit when the extension is enabled."""
        self._ext_id = ext_id
        self._items: list[Any] = []
        manager = omni.kit.app.get_app().get_extension_manager()
        missing = [name for name in UI_EXTENSIONS if not manager.is_extension_enabled(name)]
        if missing:
            carb.log_info(f"{ext_id}: no menu of tasks, because {', '.join(missing)} is not loaded")
            return
        # Importable only where a user interface and Isaac Lab are, which this extension does not require.
        scene = importlib.import_module("isaaclab_datagen.ui.scene")
        self._actions, self._menus = (importlib.import_module(name) for name in UI_EXTENSIONS)
        for task_id in scene.task_ids():
            open_task = functools.partial(scene.open_task, task_id)
            self._actions.get_action_registry().register_action(ext_id, task_id, open_task, description=task_id)
            self._items.append(self._menus.MenuItemDescription(name=task_id, onclick_action=(ext_id, task_id)))
        self._menus.add_menu_items(self._items, MENU)

    def on_shutdown(self) -> None:
        """Called by Kit when the extension is disabled."""
        if self._items:
            self._menus.remove_menu_items(self._items, MENU)
            self._actions.get_action_registry().deregister_all_actions_for_extension(self._ext_id)
            self._items = []
