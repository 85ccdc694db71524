"""The project's tasks. Importing this package registers them with gymnasium (entry point ``isaaclab.tasks``)."""

from isaaclab_tasks.utils import import_packages

import_packages(__name__, ["utils", ".mdp"])
