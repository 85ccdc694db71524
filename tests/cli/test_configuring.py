"""What collecting does to a configuration."""

from types import SimpleNamespace

import pytest
from isaaclab.cli import load_external_tasks
from isaaclab.managers import RewardTermCfg

from isaaclab_datagen import registry
from isaaclab_datagen.cli.configuring import drop_rewards, success_rule
from isaaclab_datagen.cli.overrides import resolve
from isaaclab_datagen.errors import UsageError


@pytest.mark.parametrize("kind", [dict, lambda terms: SimpleNamespace(**terms)])
def test_no_reward_is_computed_but_a_curriculum_finds_every_term(kind):
    term = RewardTermCfg(func=len, weight=2.0)
    env_cfg = SimpleNamespace(rewards=kind({"reach": term, "unused": None}), curriculum=object())
    drop_rewards(env_cfg)
    assert env_cfg.rewards == kind({"reach": term, "unused": None})
    assert term.weight == 0.0


@pytest.mark.parametrize("kind", [dict, lambda terms: SimpleNamespace(**terms)])
def test_without_a_curriculum_no_term_is_left(kind):
    terms = {"reach": RewardTermCfg(func=len, weight=2.0), "unused": None}
    env_cfg = SimpleNamespace(rewards=kind(terms), curriculum=None)
    drop_rewards(env_cfg)
    assert env_cfg.rewards == kind(dict.fromkeys(terms))


def test_a_task_without_rewards_is_left_alone():
    env_cfg = SimpleNamespace(rewards=None, curriculum=None)
    drop_rewards(env_cfg)
    assert env_cfg.rewards is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("env.terminations.success=null", "has no termination term 'success', which is its success rule"),
        ("env.terminations.success.time_out=true", "only a training may count a success as a time-out"),
    ],
)
def test_a_training_may_switch_success_off_but_nothing_else_may(override, message):
    load_external_tasks()
    task = registry.find("Lift-Custom-IK")
    env_cfg, _ = resolve(task.id, None, [override])
    env_cfg.validate_config()
    assert (env_cfg.rewards.success is None) == override.endswith("null")
    assert env_cfg.rewards.dropped is not None
    with pytest.raises(UsageError, match=message):
        success_rule(task, env_cfg)
