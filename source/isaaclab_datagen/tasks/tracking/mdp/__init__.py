"""MDP terms of the tracking task, with the shared ones. A name loads its module when it is first used."""

from isaaclab.utils.module import lazy_export

lazy_export()
