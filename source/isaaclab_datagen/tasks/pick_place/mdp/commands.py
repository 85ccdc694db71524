"""What is asked for: a direction, and where the two places are. Named by string only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from isaaclab.managers import CommandTerm, SceneEntityCfg

from isaaclab_datagen.mdp import body_pose

from .commands_cfg import DIRECTIONS

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv

    from .commands_cfg import CarryCommandCfg

_CANDIDATES = 16
"""Places drawn at once: with a fifth of them too near to the goal, all 16 are so once in 10^11 times."""


class CarryCommand(CommandTerm):
    """Direction, goal and place, which may change in a running episode, and what goes with them.

    The command is (num_envs, 12): index of the direction in :data:`DIRECTIONS`, goal x, y, place x, y, and the tip at
    rest, as it was when robot and cube were last put in place: x, y, z and quaternion x, y, z, w; all in the
    environment's frame [m].
    """

    cfg: CarryCommandCfg
    _env: ManagerBasedRLEnv

    def __init__(self, cfg: CarryCommandCfg, env: ManagerBasedRLEnv) -> None:
        super().__init__(cfg, env)
        self._command = torch.zeros(env.num_envs, 12, device=env.device)
        self._object = env.scene[cfg.object_name]
        self._discs = [env.scene[cfg.goal_disc], env.scene[cfg.place_disc]]
        self._hand = SceneEntityCfg(cfg.robot_name, body_names=cfg.hand_body)
        self._hand.resolve(env.scene)
        self._hand.finalize(str(env.device))
        self.leg = torch.zeros(env.num_envs, dtype=torch.long, device=env.device)
        """Counts what was asked for. Who remembers something of a leg forgets it when this changes."""
        self.succeeded = torch.zeros(env.num_envs, dtype=torch.bool, device=env.device)
        """Whether this step ended a leg well; the success term says so. Cleared by the reset that follows."""
        self.carried = torch.zeros_like(self.succeeded)
        """Whether the cube has been put where it belongs and let go; the success term says so. Shape is (num_envs,)."""
        self.moves = torch.zeros_like(self.succeeded)
        """Whether the red disc is yet to go to another place in this leg. Shape is (num_envs,)."""
        self.phase = torch.full((env.num_envs,), -1, dtype=torch.long, device=env.device)
        """What the actor says that it is doing; -1 where it says nothing."""

    @property
    def command(self) -> torch.Tensor:
        """Shape is (num_envs, 12)."""
        return self._command

    @property
    def direction(self) -> torch.Tensor:
        """Index in :data:`DIRECTIONS`. Shape is (num_envs,)."""
        return self._command[:, 0].round().long()

    @property
    def goal(self) -> torch.Tensor:
        """Position of the green disc in the environment's frame [m]. Shape is (num_envs, 2)."""
        return self._command[:, 1:3]

    @property
    def place(self) -> torch.Tensor:
        """Position of the red disc in the environment's frame [m]. Shape is (num_envs, 2)."""
        return self._command[:, 3:5]

    @property
    def rest(self) -> torch.Tensor:
        """How the tip rests: position [m] and quaternion. Shape is (num_envs, 7)."""
        return self._command[:, 5:12]

    @property
    def target(self) -> torch.Tensor:
        """Where the cube is to be carried: goal or place [m]. Shape is (num_envs, 2)."""
        return torch.where(self.direction.unsqueeze(-1) == DIRECTIONS.index("A"), self.goal, self.place)

    @property
    def goes_on(self) -> torch.Tensor:
        """Where the coming reset leaves robot and cube alone. Shape is (num_envs,)."""
        return self.succeeded & self.cfg.chain

    def advance(self, env_ids: torch.Tensor) -> None:
        """Ask for the other direction from now on, in a running episode or between two.

        For A the red disc marks where the cube is; for B it is put to a new place.

        Args:
            env_ids: Environments, (K,) int64.
        """
        self._ask(env_ids, 1 - self.direction[env_ids])

    def ask(self, env_ids: torch.Tensor, direction: str) -> None:
        """Ask for a direction, as :meth:`advance`.

        Args:
            env_ids: Environments, (K,) int64.
            direction: One of :data:`DIRECTIONS`.
        """
        self._ask(env_ids, torch.full_like(env_ids, DIRECTIONS.index(direction)))

    def _ask(self, env_ids: torch.Tensor, direction: torch.Tensor) -> None:
        cube = self._object.data.root_link_pos_w.torch[env_ids] - self._env.scene.env_origins[env_ids]
        to_goal = (direction == DIRECTIONS.index("A")).unsqueeze(-1)
        self._command[env_ids, 0] = direction.float()
        self._command[env_ids, 1:3] = torch.tensor(self.cfg.goal_xy, device=self.device)
        self._command[env_ids, 3:5] = torch.where(to_goal, cube[:, :2], self.draw_places(len(env_ids)))
        self.leg[env_ids] += 1
        self.phase[env_ids] = -1
        if self.cfg.moved_share > 0.0:
            moves = torch.rand(len(env_ids), device=self.device) < self.cfg.moved_share
            self.moves[env_ids] = ~to_goal[:, 0] & moves
        self._draw()

    def _move(self) -> None:
        """Put the red disc elsewhere under some of the hands that have just let go of the cube."""
        now = self.moves & self.carried & (torch.rand(self.num_envs, device=self.device) < self.cfg.moved_chance)
        self._command[:, 3:5] = torch.where(now.unsqueeze(-1), self.draw_places(self.num_envs), self.place)
        self.leg += now
        self.moves &= ~now

    def draw_places(self, count: int) -> torch.Tensor:
        """Random places, far enough from the goal [m]. Shape is (count, 2)."""
        low, high = torch.tensor([self.cfg.place_x, self.cfg.place_y], device=self.device).T
        drawn = low + (high - low) * torch.rand(count, _CANDIDATES, 2, device=self.device)
        goal = torch.tensor(self.cfg.goal_xy, device=self.device)
        far = (drawn - goal).norm(dim=-1) >= self.cfg.goal_distance
        return drawn[torch.arange(count, device=self.device), far.int().argmax(dim=1)]

    def _resample_command(self, env_ids: torch.Tensor | slice) -> None:
        """A reset: the configured direction, or the other one where a chain goes on."""
        ids = torch.arange(self.num_envs, device=self.device)[env_ids]
        goes_on, first = self.goes_on[ids], DIRECTIONS.index(self.cfg.direction)
        self._ask(ids, torch.where(goes_on, 1 - self.direction[ids], first))
        tip = body_pose(self._env, self._hand, self.cfg.tip_offset)
        self._command[ids, 5:12] = torch.where(goes_on.unsqueeze(-1), self.rest[ids], tip[ids])
        self.succeeded[ids], self.carried[ids] = False, False

    def _update_command(self) -> None:
        if self.cfg.moved_share > 0.0:
            self._move()
        self._draw()

    def _update_metrics(self) -> None:
        pass

    def _draw(self) -> None:
        """Put the discs where the command says."""
        pose = torch.zeros(self.num_envs, 7, device=self.device)
        pose[:, 2], pose[:, 6] = self.cfg.disc_height, 1.0
        for disc, position in zip(self._discs, (self.goal, self.place), strict=True):
            pose[:, :2] = position
            pose_w = pose.clone()
            pose_w[:, :3] += self._env.scene.env_origins
            disc.write_root_pose_to_sim_index(root_pose=pose_w)
