"""What collecting does to a configuration."""

from types import SimpleNamespace

import pytest
from isaaclab.managers import RewardTermCfg

from isaaclab_datagen.cli.configuring import drop_rewards


@pytest.mark.parametrize("kind", [dict, lambda terms: SimpleNamespace(**terms)])
def test_no_reward_is_computed_but_every_term_is_there(kind):
    term = RewardTermCfg(func=len, weight=2.0)
    env_cfg = SimpleNamespace(rewards=kind({"reach": term, "unused": None}))
    drop_rewards(env_cfg)
    assert env_cfg.rewards == kind({"reach": term, "unused": None})
    assert term.weight == 0.0


def test_a_task_without_rewards_is_left_alone():
    env_cfg = SimpleNamespace(rewards=None)
    drop_rewards(env_cfg)
    assert env_cfg.rewards is None
