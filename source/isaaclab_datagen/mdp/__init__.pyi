from isaaclab.envs.mdp import *  # noqa: F403

from .actions import *  # noqa: F403
from .actions_cfg import *  # noqa: F403
from .events import *  # noqa: F403
from .observations import *  # noqa: F403
from .robot_state import *  # noqa: F403
