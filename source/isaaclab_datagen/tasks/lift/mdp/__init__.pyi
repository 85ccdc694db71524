from isaaclab_datagen.mdp import *  # noqa: F403

from .commands_cfg import *  # noqa: F403
from .observations import *  # noqa: F403
from .rewards import *  # noqa: F403
from .terminations import *  # noqa: F403
