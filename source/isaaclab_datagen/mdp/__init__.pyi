from isaaclab.envs.mdp import *  # noqa: F403

from .events import *  # noqa: F403
from .observations import *  # noqa: F403
