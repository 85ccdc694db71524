"""MDP terms shared by tasks, and Isaac Lab's own. A name loads its module when it is first used."""

from isaaclab.utils.module import lazy_export

lazy_export()
