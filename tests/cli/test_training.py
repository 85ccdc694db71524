"""A training that cannot begin says so in one line and leaves no run. No simulation is launched."""

from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch
from rsl_rl.runners import OnPolicyRunner
from tensordict import TensorDict

from isaaclab_datagen.cli import training
from isaaclab_datagen.errors import UsageError

MODEL = {"class_name": "MLPModel", "hidden_dims": [8], "activation": "elu", "obs_normalization": True}
GAUSS = {"class_name": "GaussianDistribution", "init_std": 0.5}


def runner(observed: int = 5, privileged: int = 6, actions: int = 3, hidden: int = 8) -> OnPolicyRunner:
    """RSL-RL's own, on a task that gives and takes so much."""
    obs = TensorDict({"policy": torch.zeros(2, observed), "critic": torch.zeros(2, privileged)}, batch_size=[2])
    env = SimpleNamespace(get_observations=lambda: obs, num_envs=2, num_actions=actions, device="cpu", cfg={})
    sizes = {**MODEL, "hidden_dims": [hidden]}
    cfg = {
        "obs_groups": {"actor": ["policy"], "critic": ["critic"]},
        "actor": {**sizes, "distribution_cfg": dict(GAUSS)},
        "critic": sizes,
        "algorithm": {"class_name": "PPO", "rnd_cfg": None, "symmetry_cfg": None},
        "num_steps_per_env": 4,
        "multi_gpu": None,
        "logger": "tensorboard",
    }
    return OnPolicyRunner(env, cfg)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    saved = runner()
    path = tmp_path_factory.mktemp("run") / "model_7.pt"
    torch.save({**saved.alg.save(), "iter": 7, "infos": None}, path)
    return path


def load(into: OnPolicyRunner, path) -> None:
    training.checked(OnPolicyRunner.load)(into, str(path), load_cfg=None, map_location="cpu")


def test_a_checkpoint_that_fits_is_loaded(checkpoint):
    other = runner()
    load(other, checkpoint)
    assert other.current_learning_iteration == 7


@pytest.mark.parametrize(
    ("other", "text"),
    [
        ({"observed": 9}, "takes 5 observations and gives 3 actions, the task gives 9 and takes 3"),
        ({"actions": 8}, "takes 5 observations and gives 3 actions, the task gives 5 and takes 8"),
        ({"privileged": 4}, "its critic takes 6 observations, the task gives it 4"),
        ({"hidden": 4}, r"mlp.0.bias is \(8,\) in the file and \(4,\) in the configuration; set agent.actor"),
    ],
)
def test_one_that_does_not_is_refused_with_both_shapes(checkpoint, other, text):
    with pytest.raises(UsageError, match=f"{checkpoint} .*{text}"):
        load(runner(**other), checkpoint)


@pytest.mark.parametrize("began", [False, True])
def test_a_run_is_kept_only_where_the_training_began(tmp_path, no_launch, capsys, began):
    (tmp_path / "run" / "videos").mkdir(parents=True)
    (tmp_path / "run" / "run.json").touch()
    if began:
        (tmp_path / "run" / "params").mkdir()
        (tmp_path / "run" / "params" / "agent.yaml").touch()
    env_cfg = SimpleNamespace(log_dir=None)
    with pytest.raises(SystemExit) as ended, training.simulation(env_cfg, Namespace()):
        env_cfg.log_dir = str(tmp_path / "run")
        raise UsageError("it does not fit")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: it does not fit\n"
    assert (tmp_path / "run").exists() is began


def test_isaac_labs_command_launches_and_loads_through_ours(monkeypatch):
    from isaaclab_rl.entrypoints.backends import train_rsl_rl

    before = train_rsl_rl.launch_simulation, OnPolicyRunner.load, OnPolicyRunner.save

    def run(words: list[str]) -> int:
        assert words == ["--task", "T"]
        assert train_rsl_rl.launch_simulation is training.simulation
        assert OnPolicyRunner.load is not before[1]
        assert OnPolicyRunner.save is not before[2]
        return 3

    monkeypatch.setattr(training, "run_train_cli", run)
    assert training.train(["--task", "T"]) == 3
    assert (train_rsl_rl.launch_simulation, OnPolicyRunner.load, OnPolicyRunner.save) == before
