"""The loop, with an environment that counts."""

import torch

from isaaclab_datagen.rollout.loop import rollout

LENGTHS = torch.tensor([2, 3, 100])
"""After so many steps an environment's episode ends."""


class CountingEnv:
    num_envs = 3

    def __init__(self) -> None:
        self.resets = 0
        self.log: list[torch.Tensor] = []
        self.age = torch.zeros(3, dtype=torch.long)

    def _observe(self):
        return {"policy": self.age.clone()}

    def reset(self):
        self.resets += 1
        self.age[:] = 0
        return self._observe(), {}

    def step(self, action):
        self.log.append(action)
        self.age += 1
        over = self.age == LENGTHS
        terminated, truncated = over & (torch.arange(3) == 0), over & (torch.arange(3) == 1)
        self.age[over] = 0
        return self._observe(), torch.zeros(3), terminated, truncated, {}


class EchoActor:
    """Acts as it observes, and keeps which environments it was told to forget, and when."""

    def __init__(self) -> None:
        self.calls = 0
        self.resets: list[tuple[int, list[int]]] = []

    def reset(self, env_ids):
        self.resets.append((self.calls, env_ids.tolist()))

    def act(self, observations):
        assert torch.is_inference_mode_enabled()
        self.calls += 1
        return observations["policy"].clone()


def test_the_actor_sees_every_observation_and_forgets_at_every_end():
    env, actor, seen = CountingEnv(), EchoActor(), []
    steps = rollout(env, actor, lambda: len(seen) == 6, lambda: seen.append(env.age.tolist()))
    assert (steps, env.resets, actor.calls) == (6, 1, 6)
    assert torch.stack(env.log).tolist() == [[0, 0, 0], [1, 1, 1], [0, 2, 2], [1, 0, 3], [0, 1, 4], [1, 2, 5]]
    assert actor.resets == [(0, [0, 1, 2]), (2, [0]), (3, [1]), (4, [0]), (6, [0, 1])]


def test_nothing_is_done_once_all_is_seen():
    env, actor = CountingEnv(), EchoActor()
    assert rollout(env, actor, lambda: True) == 0
    assert (env.log, env.resets) == ([], 1)


def test_what_goes_on_beside_the_actor_starts_before_it_is_asked():
    env, actor, calls = CountingEnv(), EchoActor(), []
    rollout(env, actor, lambda: len(env.log) == 3, before_act=lambda: calls.append((actor.calls, len(env.log))))
    assert calls == [(0, 0), (1, 1), (2, 2)]
