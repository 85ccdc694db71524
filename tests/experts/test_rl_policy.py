"""Networks that RSL-RL saved act as they did there; those that do not fit are refused with both shapes."""

import errno
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
import yaml
from rsl_rl.models import MLPModel, RNNModel
from tensordict import TensorDict

from isaaclab_datagen import registry
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts.layouts import check_trainable
from isaaclab_datagen.experts.rl_policy import RlPolicy, Spaces, build, load

GAUSS = {"class_name": "GaussianDistribution", "init_std": 0.5}
ACTOR = {"hidden_dims": [8, 4], "activation": "elu", "obs_normalization": True, "distribution_cfg": GAUSS}
CFG = {"actor": {"class_name": "MLPModel", **ACTOR}, "obs_groups": {"actor": ["policy"]}, "clip_actions": 0.2}
SPACES = Spaces({"policy": (5,), "image": (4, 4, 3)}, 3)


def observe(n: int = 6) -> dict[str, torch.Tensor]:
    return {"policy": torch.randn(n, 5) * 3 + 1, "image": torch.zeros(n, 4, 4, 3)}


def trained(cls=MLPModel, **extra):
    obs = TensorDict(observe(), batch_size=[6])
    model = cls(obs, {"actor": ["policy"]}, "actor", 3, **{**ACTOR, **extra})
    model.train()
    model.update_normalization(obs)
    return model.eval()


def save(path, model):
    torch.save({"actor_state_dict": model.state_dict(), "critic_state_dict": {}, "iter": 3, "infos": None}, path)
    return path


def environment(n: int = 6, actions: int = 3):
    return SimpleNamespace(
        num_envs=n,
        device="cpu",
        observation_manager=SimpleNamespace(group_obs_dim={"policy": (5,), "loose": [(1,), (2,)]}),
        action_manager=SimpleNamespace(total_action_dim=actions),
    )


def test_it_gives_the_mean_actions_of_the_network_with_its_normaliser(tmp_path):
    model, obs = trained(), observe()
    policy = RlPolicy(build(save(tmp_path / "model_3.pt", model), SPACES, CFG), None, 6, "cpu")
    policy.reset(torch.arange(6))
    expected = model(TensorDict(obs, batch_size=[6]))
    assert torch.equal(policy.act(obs), expected)
    assert torch.equal(policy.act(obs), expected)
    assert not policy.act(obs).requires_grad


def test_actions_are_clipped_as_the_training_did(tmp_path):
    path = save(tmp_path / "model_3.pt", trained())
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "agent.yaml").write_text(yaml.dump(CFG))
    policy = load(path, environment(), agent_cfg=None)
    actions = policy.act({"policy": observe()["policy"] * 100})
    assert actions.abs().max() <= CFG["clip_actions"]


@pytest.mark.parametrize(
    ("here", "told"),
    [
        (["b", "a"], "joint 0 of arm was a in training, is b here"),
        (["a"], "joint 1 of arm was b in training, is None here"),
    ],
)
def test_joints_in_another_order_are_refused_where_the_file_tells_its_own(tmp_path, here, told):
    model = trained()
    infos = {"joint_names": {"arm": ["a", "b"], "gripper": ["c"]}}
    torch.save({"actor_state_dict": model.state_dict(), "iter": 3, "infos": infos}, tmp_path / "model_3.pt")
    env, cfg = environment(), SimpleNamespace()
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "agent.yaml").write_text(yaml.dump(CFG))
    env.scene = SimpleNamespace(articulations={"arm": SimpleNamespace(joint_names=["a", "b"])})
    load(tmp_path / "model_3.pt", env, cfg)
    env.scene.articulations["arm"].joint_names = here
    with pytest.raises(UsageError, match=told):
        load(tmp_path / "model_3.pt", env, cfg)


def test_a_recurrent_network_forgets_only_the_environments_that_began_anew(tmp_path):
    extra = {"rnn_type": "gru", "rnn_hidden_dim": 7, "rnn_num_layers": 1}
    cfg = {**CFG, "actor": {"class_name": "RNNModel", **ACTOR, **extra}}
    model = build(save(tmp_path / "m.pt", trained(RNNModel, **extra)), SPACES, cfg)
    policy, obs = RlPolicy(model, None, 6, "cpu"), observe()
    first = policy.act(obs)
    policy.act(obs)
    policy.reset(torch.tensor([1, 4]))
    again = policy.act(obs)
    same = (again == first).all(dim=1)
    assert same.tolist() == [False, True, False, False, True, False]


@pytest.mark.parametrize(
    ("spaces", "parts"),
    [
        (Spaces({"policy": (9,)}, 3), ["takes 5 observations", "gives 3 actions", "gives 9", "takes 3"]),
        (Spaces({"policy": (5,)}, 8), ["takes 5 observations", "gives 3 actions", "gives 5", "takes 8"]),
    ],
)
def test_a_network_that_does_not_fit_is_refused_with_both_shapes(tmp_path, spaces, parts):
    path = save(tmp_path / "model_3.pt", trained())
    with pytest.raises(UsageError, match="does not fit the task") as caught:
        build(path, spaces, CFG)
    assert all(part in str(caught.value) for part in [*parts, str(path)])


def test_a_missing_observation_group_is_refused(tmp_path):
    with pytest.raises(UsageError, match="does not fit the task.*policy"):
        build(save(tmp_path / "m.pt", trained()), Spaces({"states": (5,)}, 3), CFG)


def test_other_layers_than_configured_are_named(tmp_path):
    path = save(tmp_path / "m.pt", trained(hidden_dims=[8, 6]))
    with pytest.raises(UsageError, match=r"mlp\.2.* is \(6,?.*agent\.actor"):
        build(path, SPACES, CFG)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ({"model_state_dict": {}, "iter": 1}, "found model_state_dict, iter"),
        ({"critic_state_dict": {}, "optimizer": 1}, "expected actor_state_dict, model_state_dict, state_dict or an"),
        ({"weights": torch.zeros(3)}, "found weights"),
        ([1, 2], "found list"),
        (b"not a checkpoint", "not an RSL-RL checkpoint"),
        (b"", "not an RSL-RL checkpoint"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, content, part):
    path = tmp_path / "m.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(UsageError, match=part):
        build(path, SPACES, CFG)


def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(tmp_path):
    torch.save({"actor_state_dict": {"mlp.0.weight": torch.zeros(100, 200)}}, tmp_path / "whole.pt")
    content = (tmp_path / "whole.pt").read_bytes()
    path = tmp_path / "m.pt"
    for end in range(0, len(content), 3000):
        path.write_bytes(content[:end])
        with pytest.raises(UsageError, match="not an RSL-RL checkpoint"):
            build(path, SPACES, CFG)


def test_a_file_that_may_not_be_read_is_not_called_broken(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "m.pt")

    monkeypatch.setattr(torch, "load", refuse)
    with pytest.raises(PermissionError):
        build(tmp_path / "m.pt", SPACES, CFG)


def test_a_training_goes_on_from_what_has_an_optimizer(tmp_path):
    whole = {name: {} for name in ("actor_state_dict", "critic_state_dict", "optimizer_state_dict")}
    torch.save(whole, tmp_path / "model_1.pt")
    check_trainable(tmp_path / "model_1.pt")
    torch.save({"actor_state_dict": {}}, tmp_path / "policy.pt")
    with pytest.raises(UsageError, match="lacks critic_state_dict, optimizer_state_dict"):
        check_trainable(tmp_path / "policy.pt")


SHIPPED = [task for task in registry.all_tasks().values() if task.shipped_checkpoint]


@pytest.mark.parametrize("task", SHIPPED, ids=lambda task: task.id)
def test_what_ships_can_be_trained_further(task):
    check_trainable(task.shipped_path)


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("run",))

    torch.save({"actor_state_dict": Evil()}, tmp_path / "m.pt")
    with pytest.raises(UsageError):
        build(tmp_path / "m.pt", SPACES, CFG)


def test_a_group_that_is_a_dictionary_counts_as_flat():
    assert Spaces.of(environment()) == Spaces({"policy": (5,), "loose": (3,)}, 3)


def test_dictionary_and_flat_observations_give_the_same_actions(tmp_path):
    policy = RlPolicy(build(save(tmp_path / "m.pt", trained()), SPACES, CFG), None, 6, "cpu")
    flat = observe()["policy"]
    terms = {"joint_pos": flat[:, :2], "grid": flat[:, 2:].reshape(6, 3, 1)}
    assert torch.equal(policy.act({"policy": terms}), policy.act({"policy": flat}))


def older(model: MLPModel, noise: str = "std") -> dict[str, torch.Tensor]:
    """Names of RSL-RL 2 and 3: actor and critic in one module."""
    names = {"mlp.": "actor.", "rnn.": "memory_a.", "obs_normalizer.": "actor_obs_normalizer."}
    state = {}
    for name, tensor in model.state_dict().items():
        head, dot, rest = name.partition(".")
        state[noise if head == "distribution" else names[head + dot] + rest] = tensor
    return state | {"critic.0.weight": torch.zeros(8, 9), "critic.0.bias": torch.zeros(8)}


def without_normaliser(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state.items() if "normalizer" not in name}


LAYOUTS = {
    "3: model_state_dict": lambda model: {"model_state_dict": older(model), "optimizer_state_dict": {}, "iter": 3},
    "2: the normaliser beside it": lambda model: {
        "model_state_dict": without_normaliser(older(model)),
        "obs_norm_state_dict": model.obs_normalizer.state_dict(),
        "iter": 3,
    },
    "state_dict": lambda model: {"state_dict": older(model)},
    "bare": older,
    "bare, the documents' spelling of the noise": lambda model: older(model, "_std"),
    "bare, the logarithm of the noise": lambda model: older(model, "log_std"),
    "bare, without noise": lambda model: {k: v for k, v in older(model).items() if k != "std"},
    "bare, of the current release": lambda model: model.state_dict(),
    "ordered": lambda model: OrderedDict(older(model)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_files_of_older_releases_act_as_they_did(tmp_path, layout):
    """Their layers and normaliser are found in the file, whatever the configuration says."""
    model, obs = trained(hidden_dims=[7, 6, 5]), observe()
    torch.save(LAYOUTS[layout](model), tmp_path / "m.pt")
    cfg = {**CFG, "actor": {**CFG["actor"], "obs_normalization": False}}
    policy = RlPolicy(build(tmp_path / "m.pt", SPACES, cfg), None, 6, "cpu")
    assert torch.equal(policy.act(obs), model(TensorDict(obs, batch_size=[6])))


def test_an_older_file_without_a_normaliser_has_none(tmp_path):
    model, obs = trained(obs_normalization=False), observe()
    torch.save({"model_state_dict": older(model)}, tmp_path / "m.pt")
    policy = RlPolicy(build(tmp_path / "m.pt", SPACES, CFG), None, 6, "cpu")
    assert torch.equal(policy.act(obs), model(TensorDict(obs, batch_size=[6])))


def test_an_older_recurrent_network_remembers(tmp_path):
    extra = {"rnn_type": "lstm", "rnn_hidden_dim": 7, "rnn_num_layers": 1}
    model, obs = trained(RNNModel, **extra), observe()
    torch.save({"model_state_dict": older(model)}, tmp_path / "m.pt")
    cfg = {**CFG, "actor": {"class_name": "RNNModel", **ACTOR, **extra}}
    policy = RlPolicy(build(tmp_path / "m.pt", SPACES, cfg), None, 6, "cpu")
    for _ in range(2):
        assert torch.equal(policy.act(obs), model(TensorDict(obs, batch_size=[6])))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_older_file_that_does_not_fit_is_refused_with_both_shapes(tmp_path, layout):
    torch.save(LAYOUTS[layout](trained()), tmp_path / "m.pt")
    with pytest.raises(UsageError, match="takes 5 observations and gives 3 actions, the task gives 9 and takes 4"):
        build(tmp_path / "m.pt", Spaces({"policy": (9,)}, 4), CFG)


def test_no_file_of_text_ends_in_a_traceback(tmp_path):
    path = tmp_path / "m.pt"
    for first in range(256):
        path.write_bytes(bytes([first]) + b"ello\n")
        with pytest.raises(UsageError, match="not an RSL-RL checkpoint"):
            build(path, SPACES, CFG)
