"""MDP terms of the pick-and-place task, with the shared ones. A name loads its module when it is first used."""

from isaaclab.utils.module import lazy_export

lazy_export()
