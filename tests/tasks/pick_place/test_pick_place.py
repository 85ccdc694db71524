"""The pick-and-place task in the simulator: the script carries the cube there and back without a reset."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import newton
import pytest
import torch
from isaaclab.cli import load_external_tasks
from isaaclab.utils import validate
from isaaclab_newton.physics.newton_manager import NewtonManager
from simulated import environment

from isaaclab_datagen import registry
from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras
from isaaclab_datagen.experts import factory
from isaaclab_datagen.experts.checkpoints import Wish
from isaaclab_datagen.rollout.wrappers import Seeded
from isaaclab_datagen.tasks.pick_place import mdp

TASK = "PickPlace-Rev2Fwd"
NUM_ENVS = 4
A, B = 0.0, 1.0
PLAN = 8
"""Actions of a plan that a diffusion policy executes by default."""


def configuration(*words: str):
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, list(words), play_mode=True)
    validate(cfg)
    return cfg


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("env.direction=C", "choose from A, B"),
        ("env.height_threshold=-0.1", "height_threshold"),
        ("env.distance_threshold=0", "distance_threshold"),
        ("env.goal_xy=[0.5]", "goal_xy is .*: must be two numbers, x and y"),
        ("env.moved_share=1.1", "moved_share is 1.1: must be within 0 and 1"),
        ("env.events.slip.params.closing_share=7", "slip.closing_share is 7: must be within 0 and 1"),
        ("env.events.slip.params.way=[0.3,0.1]", r"slip.way is .*: must be two lengths above 0, the shorter one first"),
        ("env.start_spread=0.06", "start_spread is 0.06: must be within 0 and the distance threshold, 0.05"),
        ("env.terminations.success.params.steps=-1", "success.steps is -1: must be above 0"),
        ("env.terminations.success.params.speed_threshold=-0.1", "success.speed_threshold"),
    ],
)
def test_settings_that_make_no_sense_are_refused(word, said):
    with pytest.raises(ValueError, match=said):
        configuration(word)


def test_a_cube_slips_only_where_episodes_begin_anew():
    with pytest.raises(ValueError, match="slipped_share is 0.5: must be 0 where episodes go on from each other"):
        configuration("env.slipped_share=0.5", "env.chain=true")


def test_thresholds_and_goal_reach_the_terms():
    cfg = configuration("env.height_threshold=0.2", "env.distance_threshold=0.03", "env.goal_xy=[0.45,0.1]")
    rule = cfg.terminations.success.params
    assert (rule["height_threshold"], rule["distance_threshold"], rule["rest_distance"]) == (0.2, 0.03, None)
    assert cfg.commands.carry.goal_xy == (0.45, 0.1)
    demonstrations = configuration(*registry.find(TASK).collect_overrides)
    assert demonstrations.terminations.success.params["rest_distance"] == demonstrations.rest_distance


@pytest.fixture(scope="module")
def env() -> Iterator[SimpleNamespace]:
    """A chain that begins with B."""
    cfg = configuration("env.chain=true")
    cfg.scene.num_envs, cfg.sim.device, cfg.seed = NUM_ENVS, "cpu", 11
    keep_cameras(cfg, [])
    with environment(TASK, cfg) as made, torch.inference_mode():
        yield made


@pytest.fixture(scope="module")
def run(env) -> SimpleNamespace:
    """The script's chain until each environment has ended two legs; the state before and after each step."""
    expert = factory.choose(registry.find(TASK), "state_machine", Wish(), None, None)
    expert.cfg.hover_height = (0.19, 0.2)
    actor = factory.build(expert, env)
    env.reset()
    actor.reset(torch.arange(NUM_ENVS))
    names = ("command", "cube", "joints", "discs", "sent", "phase", "ended")
    log: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    while len(log["ended"]) < 420 and (not log["ended"] or torch.stack(log["ended"]).sum(dim=0).min() < 2):
        log["command"].append(command(env).command.clone())
        log["cube"].append(position(env, "object"))
        log["joints"].append(env.scene["robot"].data.joint_pos.torch.clone())
        log["discs"].append(torch.cat([position(env, "goal_disc"), position(env, "place_disc")], dim=-1))
        actions = actor.act(env.obs_buf)
        log["sent"].append(actions[:, :3].clone())
        log["phase"].append(command(env).phase.clone())
        _, _, terminated, truncated, _ = env.step(actions)
        assert torch.equal(terminated, env.termination_manager.get_term("success"))
        assert not truncated.any()
        log["ended"].append(terminated.clone())
        actor.reset(terminated.nonzero().flatten())
    return SimpleNamespace(**{name: torch.stack(values) for name, values in log.items()})


def command(env):
    return env.command_manager.get_term("carry")


def position(env, name: str) -> torch.Tensor:
    return (env.scene[name].data.root_link_pos_w.torch - env.scene.env_origins).clone()


def ends(run) -> list[tuple[int, int]]:
    """Step and environment of each end of a leg."""
    return [(step, env_id) for step, env_id in run.ended[:-1].nonzero().tolist()]


@pytest.mark.sim
def test_the_script_carries_the_cube_there_and_back(run):
    assert (run.ended.sum(dim=0) >= 2).all()
    for env_id in range(NUM_ENVS):
        first, second = run.ended[:, env_id].nonzero().flatten()[:2].tolist()
        assert run.command[[first, second], env_id, 0].tolist() == [B, A]


@pytest.mark.sim
def test_a_leg_goes_on_from_the_last_one_without_a_jump(run):
    for step, env_id in ends(run):
        assert (run.joints[step + 1, env_id] - run.joints[step, env_id]).abs().max() < 0.1
        assert (run.cube[step + 1, env_id] - run.cube[step, env_id]).norm() < 1e-3
        assert run.command[step + 1, env_id, 0] == 1.0 - run.command[step, env_id, 0]
        assert torch.equal(run.command[step + 1, env_id, 5:], run.command[step, env_id, 5:])


@pytest.mark.sim
def test_the_cube_ends_at_its_target_and_was_lifted(run):
    for step, env_id in ends(run):
        to_goal = run.command[step, env_id, 0] == A
        target = run.command[step, env_id, 1:3] if to_goal else run.command[step, env_id, 3:5]
        assert (run.cube[step, env_id, :2] - target).norm() < 0.05
        assert run.cube[:step, env_id, 2].max() > 0.15
        assert run.cube[step, env_id, 2] < 0.03


@pytest.mark.sim
def test_discs_lie_where_the_command_says_and_the_red_one_marks_the_start_of_a(run):
    assert torch.allclose(run.discs[:, :, [0, 1]], run.command[:, :, 1:3], atol=1e-5)
    assert torch.allclose(run.discs[:, :, [3, 4]], run.command[:, :, 3:5], atol=1e-5)
    for step, env_id in ends(run):
        if run.command[step + 1, env_id, 0] == A:
            assert (run.command[step + 1, env_id, 3:5] - run.cube[step + 1, env_id, :2]).norm() < 1e-3


@pytest.mark.sim
def test_nothing_collides_with_the_discs(env):
    model = NewtonManager.get_model()
    collide = model.shape_body.numpy()[model.shape_flags.numpy() & int(newton.ShapeFlags.COLLIDE_SHAPES) != 0].tolist()
    named = {kind: {i for i, label in enumerate(model.body_label) if kind in label} for kind in ("Disc", "Object")}
    assert len(named["Disc"]) == 2 * NUM_ENVS and not named["Disc"] & set(collide)
    assert len(named["Object"]) == NUM_ENVS and named["Object"] <= set(collide)


@pytest.mark.sim
def test_phases_follow_each_other(run):
    same_leg = ~run.ended[:-1]
    change = (run.phase[1:] - run.phase[:-1])[same_leg]
    assert ((change == 0) | (change == 1)).all()
    assert run.phase.max() >= 9


@pytest.mark.sim
def test_no_rest_lasts_as_long_as_a_policy_executes_a_plan(run):
    """Otherwise a policy, which remembers nothing, would learn from the script to rest for ever."""
    to_hand = run.sent.diff(dim=0).norm(dim=-1) > 1e-3
    to_fingers = run.joints[..., -2:].sum(dim=-1).diff(dim=0).abs() > 1e-3
    happens = to_hand[:-1] | to_fingers[1:]
    assert happens.unfold(0, PLAN, 1).any(dim=-1).all()


@pytest.mark.sim
def test_places_are_in_range_and_away_from_the_goal(env):
    places = command(env).draw_places(5000)
    low, high = torch.tensor([0.35, -0.25]), torch.tensor([0.65, 0.25])
    assert (places >= low).all() and (places <= high).all()
    assert (places - torch.tensor([0.5, 0.0])).norm(dim=-1).min() >= 0.1
    assert ((places.amin(0) - low) < 0.01).all() and ((high - places.amax(0)) < 0.01).all()


@pytest.mark.sim
def test_what_is_no_pose_holds_and_what_is_one_is_reached(env, run):
    """A zero quaternion and NaN hold hand and fingers; a pose is reached in the environment's frame, w first."""
    env.reset()
    start = env.obs_buf["policy"][:, :8].clone()
    for bad in (0.0, float("nan")):
        for _ in range(3):
            env.step(torch.full((NUM_ENVS, 8), bad))
        assert (env.obs_buf["policy"][:, :8] - start).abs().max() < 1e-4
    turned = torch.tensor([0.45, -0.1, 0.3, 0.0, 0.98, 0.199, 0.0, 1.0])
    for _ in range(40):
        env.step(turned.expand(NUM_ENVS, 8))
    wanted = torch.tensor([0.45, -0.1, 0.3, 0.98, 0.199, 0.0, 0.0])
    assert (env.obs_buf["policy"][:, :7] - wanted).abs().max() < 2e-3
    env.step(torch.full((NUM_ENVS, 8), float("nan")))
    assert (env.obs_buf["policy"][:, :7] - wanted).abs().max() < 2e-3


@pytest.mark.sim
def test_another_direction_can_be_asked_for_in_a_running_episode(env, run):
    env.reset()
    env.step(torch.zeros(NUM_ENVS, 8))
    asked, rule = command(env), env.termination_manager.get_term_cfg("success").func
    rule.lifted[:], rule.rested[:] = True, 7
    asked.ask(torch.tensor([1, 2]), "A")
    assert asked.direction.tolist() == [1, 0, 0, 1]
    assert torch.allclose(asked.target[1], torch.tensor([0.5, 0.0]))
    env.step(torch.zeros(NUM_ENVS, 8))
    assert rule.lifted.tolist() == [True, False, False, True]
    asked.advance(torch.tensor([1]))
    assert asked.direction.tolist() == [1, 1, 0, 1]


@pytest.mark.sim
def test_a_seed_says_how_episodes_begin_whatever_came_before(env, run):
    def begun(seed: int) -> torch.Tensor:
        observed, _ = Seeded(env, seed).reset()
        return torch.cat([observed["policy"], command(env).command], dim=-1).clone()

    first = begun(1000)
    for _ in range(20):
        env.step(torch.randn(NUM_ENVS, 8))
    other, again = begun(1001), begun(1000)
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).all(dim=-1).any()


@pytest.mark.sim
def test_how_far_a_leg_has_come(env, run):
    """A cube that was lifted or not lies somewhere, below the hand or elsewhere, for a step; then the leg succeeds."""
    rule, cube = env.termination_manager.get_term_cfg("success").func, env.scene["object"]
    below, aside, target = (0.0, 0.0, -0.1), (0.1, 0.1, 0.0), None
    cases = [
        (False, aside, "not_lifted"),
        (True, below, "in_hand"),
        (True, aside, "elsewhere"),
        (True, target, "at_target"),
    ]
    env.reset()
    params = env.termination_manager.get_term_cfg("success").params
    for lifted, place, stage in cases:
        tip = env.obs_buf["policy"][:, :3]
        pose = cube.data.root_link_pose_w.torch.clone()
        if place is None:
            pose[:, :2] = command(env).target + env.scene.env_origins[:, :2]
            pose[:, 2] = 0.024
        else:
            pose[:, :3] = tip + torch.tensor(place) * torch.tensor([1.0, 1.0, 0.5]) + env.scene.env_origins
        cube.write_root_pose_to_sim_index(root_pose=pose)
        cube.write_root_velocity_to_sim_index(root_velocity=torch.zeros(NUM_ENVS, 6))
        rule.lifted[:], rule.rested[:] = False, 0
        rule(env, **{**params, "height_threshold": 0.0 if lifted else 9.0})
        assert stages(env) == [stage] * NUM_ENVS
    command(env).succeeded[:] = True
    assert stages(env) == ["done"] * NUM_ENVS
    command(env).succeeded[:] = False


def stages(env) -> list[str]:
    numbers, names = mdp.carry_stage(env, "success", "carry")
    return [names[number] for number in numbers]
