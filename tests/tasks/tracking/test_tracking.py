"""The tracking task in the simulator: on the reference everything is 0 and everything is paid; off it, less."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch
from isaaclab.cli import load_external_tasks
from isaaclab.utils import validate
from isaaclab.utils.math import quat_error_magnitude, quat_from_euler_xyz, quat_mul, subtract_frame_transforms
from simulated import environment

from isaaclab_datagen.assets.g1 import ANCHOR, BODY_NAMES, TRACKED_BODIES
from isaaclab_datagen.cli import overrides
from isaaclab_datagen.cli.configuring import keep_cameras
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.mdp.actions import undelayed
from isaaclab_datagen.tasks.tracking.mdp.library import StartSampler

pytestmark = pytest.mark.sim

TASK = "Tracking-Flat-G1"
NUM_ENVS = 8
PAID = ("anchor_pos", "anchor_ori", "body_pos", "body_ori", "body_lin_vel", "body_ang_vel")


@pytest.fixture(scope="module")
def env() -> Iterator[SimpleNamespace]:
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, [], play_mode=False)
    cfg.scene.num_envs, cfg.sim.device, cfg.seed = NUM_ENVS, "cpu", 3
    cfg.commands.motion.motion_files = ["walk", "squat"]
    cfg.events.push_robot = None
    keep_cameras(cfg, [])
    with environment(TASK, cfg) as made:
        made.reset()
        yield made


@pytest.fixture
def command(env):
    """The command, with every robot exactly at the frame that is commanded, and no noise."""
    found = env.command_manager.get_term("motion")
    cfg, noise = found.cfg, ("pose_range", "velocity_range", "joint_position_range")
    kept = {name: getattr(cfg, name) for name in noise}
    cfg.pose_range, cfg.velocity_range, cfg.joint_position_range = {}, {}, (0.0, 0.0)
    ids = torch.arange(NUM_ENVS)
    found.place(ids, ids % 2, 50 * ids)
    found.frame -= 1
    found._version += 1
    yield found
    for name, value in kept.items():
        setattr(cfg, name, value)


def terms(manager, env) -> dict[str, torch.Tensor]:
    pairs = zip(manager.active_terms, manager._term_cfgs, strict=True)
    return {name: cfg.func(env, **cfg.params) for name, cfg in pairs}


def test_a_robot_on_the_reference_has_no_errors_and_all_rewards(env, command):
    errors = command.state.errors
    assert errors.anchor_pos2.max() < 1e-9 and errors.anchor_rot.max() < 1e-4
    assert errors.body_pos2.max() < 1e-9 and errors.body_rot.max() < 1e-4
    assert errors.body_lin_vel2.max() < 1e-7 and errors.body_ang_vel2.max() < 1e-7
    rewards = terms(env.reward_manager, env)
    assert all(torch.allclose(rewards[name], torch.ones(NUM_ENVS), atol=1e-5) for name in PAID)
    assert all((rewards[name] == 0).all() for name in ("action_rate", "joint_limits") if name != "action_rate")
    ends = terms(env.termination_manager, env)
    assert not any(ends[name].any() for name in ("anchor_height", "anchor_tilt", "end_effector_height"))


def test_bodies_of_the_file_are_the_simulators(env, command):
    """The frames of the motion's bodies are those that the simulator reports, for all thirty."""
    from isaaclab_datagen.motions import files

    robot = env.scene["robot"].data
    walk = files.load("walk")
    row = 4  # environment 4 is at frame 200 of the walk
    pose = robot.body_link_pose_w.torch[row]
    position = pose[:, :3] - env.scene.env_origins[row]
    assert torch.allclose(position, torch.tensor(walk.body_pos_w[200]).float(), atol=1e-4)
    quaternion = torch.tensor(walk.body_quat_w[200]).float()
    assert quat_error_magnitude(pose[:, 3:], quaternion).max() < 1e-3
    velocity = torch.cat(
        [torch.tensor(values[200]).float() for values in (walk.body_lin_vel_w, walk.body_ang_vel_w)], -1
    )
    assert torch.allclose(robot.body_link_vel_w.torch[row], velocity, atol=1e-3)
    assert env.scene["robot"].body_names == list(BODY_NAMES)


def test_a_shifted_and_turned_robot_is_off_only_at_its_anchor(env, command):
    """Relative bodies follow the anchor's place and heading: shifting and turning about z costs nothing there."""
    ids, robot = torch.arange(NUM_ENVS), env.scene["robot"]
    pose = robot.data.root_link_pose_w.torch.clone()
    angle = torch.full((NUM_ENVS,), 0.4)
    turn = quat_from_euler_xyz(torch.zeros_like(angle), torch.zeros_like(angle), angle)
    pose[:, :2] += 0.3
    pose[:, 3:] = quat_mul(turn, pose[:, 3:])
    robot.write_root_link_pose_to_sim_index(root_pose=pose, env_ids=ids)
    command._version += 1
    errors = command.state.errors
    assert torch.allclose(errors.anchor_rot, angle, atol=1e-3)
    assert (errors.anchor_pos2.sqrt() > 0.35).all()
    assert errors.body_pos2.max() < 1e-7 and errors.body_rot.max() < 1e-3
    rewards = terms(env.reward_manager, env)
    assert torch.allclose(rewards["body_pos"], torch.ones(NUM_ENVS), atol=1e-4)
    assert torch.allclose(rewards["anchor_pos"], torch.exp(-errors.anchor_pos2 / 0.09))
    assert torch.allclose(rewards["anchor_ori"], torch.exp(-torch.tensor(0.4**2 / 0.4**2)), atol=1e-3)


def test_ways_are_straight_lines_from_where_robots_were_put(env, command):
    from isaaclab_datagen.tasks.tracking import mdp

    assert mdp.distance(env, "motion").max() < 1e-4 and mdp.reference_distance(env, "motion").max() < 1e-6
    ids, robot = torch.arange(NUM_ENVS), env.scene["robot"]
    pose = robot.data.root_link_pose_w.torch.clone()
    pose[:, :3] += torch.tensor([0.3, -0.4, 0.1])
    robot.write_root_link_pose_to_sim_index(root_pose=pose, env_ids=ids)
    assert torch.allclose(mdp.distance(env, "motion"), torch.tensor(0.5), atol=1e-4)
    command.frame += 50  # a second
    way = mdp.reference_distance(env, "motion")
    assert (way[::2] - 1.2).abs().max() < 0.15 and way[1::2].max() < 0.15  # they walk, and they squat


def test_observations_are_what_isaac_labs_own_functions_say(env, command):
    command.frame += 7
    command._version += 1
    data, state = env.scene["robot"].data, command.state
    anchor = data.body_link_pose_w.torch[:, BODY_NAMES.index(ANCHOR)]
    position, rotation = subtract_frame_transforms(
        anchor[:, :3], anchor[:, 3:], state.body_pose[:, command.anchor, :3], state.body_pose[:, command.anchor, 3:]
    )
    observations = env.observation_manager.compute_group("critic")
    assert torch.allclose(observations[:, 58:61], position, atol=1e-5)
    from isaaclab.utils.math import matrix_from_quat

    assert torch.allclose(observations[:, 61:67], matrix_from_quat(rotation)[..., :2].reshape(-1, 6), atol=1e-5)
    tracked = data.body_link_pose_w.torch[:, [BODY_NAMES.index(name) for name in TRACKED_BODIES]]
    expanded = anchor[:, None].expand_as(tracked)
    body_pos, _ = subtract_frame_transforms(expanded[..., :3], expanded[..., 3:], tracked[..., :3])
    assert torch.allclose(observations[:, 67:109], body_pos.reshape(NUM_ENVS, -1), atol=1e-5)
    assert observations.shape[1] == 286 and env.observation_manager.group_obs_dim["policy"] == (160,)


def test_what_has_fallen_is_ended(env, command):
    ids, robot = torch.arange(NUM_ENVS), env.scene["robot"]
    pose = robot.data.root_link_pose_w.torch.clone()
    pose[0, 2] -= 0.3  # too low
    half = torch.tensor([[0.0, 1.6, 0.0]])
    pose[1, 3:] = quat_mul(quat_from_euler_xyz(*half.T), pose[1:2, 3:])[0]  # on its face
    robot.write_root_link_pose_to_sim_index(root_pose=pose, env_ids=ids)
    command._version += 1
    ends = terms(env.termination_manager, env)
    assert ends["anchor_height"].tolist() == [True, *[False] * 7] or ends["anchor_height"][0]
    assert ends["anchor_tilt"][1] and not ends["anchor_tilt"][2:].any()
    assert ends["end_effector_height"][:2].any() and not ends["end_effector_height"][2:].any()


def test_an_observation_commands_the_frame_at_the_end_of_the_coming_step(env):
    """The same after env.reset(), after a reset within a step, and in between."""
    env.reset()
    command = env.command_manager.get_term("motion")
    assert torch.equal(command.frame, command.start_frame + 1)
    before = command.frame.clone()
    _, _, terminated, truncated, _ = env.step(torch.zeros(NUM_ENVS, 29))
    same = ~(terminated | truncated)
    assert torch.equal(command.frame[same], before[same] + 1)
    env.episode_length_buf[:4] = env.max_episode_length  # these time out
    before = command.frame.clone()
    _, _, terminated, truncated, _ = env.step(torch.zeros(NUM_ENVS, 29))
    assert truncated[:4].all()
    assert torch.equal(command.frame[truncated], command.start_frame[truncated] + 1)
    errors = command.state.errors  # fresh, against the new robot: only a frame's way and the noise of the reset
    assert errors.anchor_pos2[:4].max().sqrt() < 0.2 and errors.body_pos2[:4].max().sqrt() < 0.5


def test_errors_are_means_over_the_episode_which_a_reset_logs_and_forgets(env):
    command = env.command_manager.get_term("motion")
    env.reset()
    measured = []
    for _ in range(3):
        env.step(torch.zeros(NUM_ENVS, 29))
        measured.append(command._means.clone())
    alive = env.episode_length_buf == 3
    assert alive.any() and (command.mean_error("body_pos")[alive] > 0.0).all()
    errors = command.state.errors
    now = torch.stack([errors.body_pos2.sqrt().mean(dim=-1), errors.body_lin_vel2.sqrt().mean(dim=-1)], dim=-1)
    assert torch.equal(command.state.measured[:, [2, 4]], now)
    latest = 3 * (measured[2] - 2 / 3 * measured[1])  # what the last step added to the mean of three
    assert (latest[alive] > -1e-5).all()
    before = command._means.clone()
    logged = command.reset(torch.tensor([1, 2]))
    assert torch.allclose(logged["error_anchor_rot"], before[[1, 2], 1].mean())
    assert (command._means[[1, 2]] == 0.0).all() and torch.equal(command._means[3:], before[3:])


def test_a_motion_that_ends_starts_anew(env):
    command = env.command_manager.get_term("motion")
    env.reset()
    counter = command.command_counter.clone()
    command.frame[:] = command.library.lengths[command.motion] - 1
    env.step(torch.zeros(NUM_ENVS, 29))
    assert (command.command_counter > counter).all()
    assert (command.frame < command.library.lengths[command.motion]).all()
    assert torch.isfinite(env.obs_buf["policy"]).all()


def test_every_failure_is_counted_where_it_happened(env):
    sampler = env.command_manager.get_term("motion").sampler
    sampler._new.zero_()
    before = sampler.failures.clone()
    motions, frames = torch.tensor([0, 0, 1, 1]), torch.tensor([10, 12, 0, 599])
    sampler.count(motions, frames, torch.tensor([True, True, True, False]))
    sampler.count(motions[:1], frames[:1], torch.tensor([True]))  # a second time in the same step: added
    assert sampler._new.sum() == 4.0 and sampler._new[0] == 3.0
    sampler.step()
    assert torch.allclose(sampler.failures.sum(), 0.999 * before.sum() + 0.001 * 4.0)
    assert sampler._new.sum() == 0.0
    sampler.failures[:] = 0.0
    sampler.failures[2] = 100.0
    motion, frame = sampler.draw(500)
    assert (motion == 0).all() and frame.min() >= 90 and frame.max() <= 150
    sampler.failures[:] = 0.0
    motion, frame = sampler.draw(4000)
    assert 0.4 < (motion == 0).float().mean() < 0.6 and (frame <= 618).all()


def test_even_starts_stay_even_whatever_fails(env):
    command = env.command_manager.get_term("motion")
    sampler = StartSampler(command.library)
    motions = torch.zeros(1000, dtype=torch.long)
    sampler.count(motions, motions, motions == 0)
    sampler.step()
    motion, frame = sampler.draw(4000)
    assert 0.4 < (motion == 0).float().mean() < 0.6
    assert 250 < frame.float().mean() < 360 and sampler.spread() == {}


def test_starts_in_play_mode_are_the_first_frames_exactly(env):
    cfg, _ = overrides.resolve(TASK, None, [], play_mode=True)
    motion = cfg.commands.motion
    assert motion.start_at_first_frame and motion.adaptive is None and motion.joint_position_range == (0.0, 0.0)
    assert motion.pose_range == {} and motion.velocity_range == {}
    assert cfg.events.push_robot is not None and not cfg.observations.policy.enable_corruption
    command = env.command_manager.get_term("motion")
    command.cfg.start_at_first_frame = True
    env.reset()
    command.cfg.start_at_first_frame = False
    assert (command.start_frame == 0).all()
    assert command.motion.tolist() == [0, 1] * 4


def test_default_positions_and_the_actions_offset_are_shifted_alike(env):
    robot = env.scene["robot"]
    nominal = torch.tensor([robot.cfg.init_state.joint_pos.get("left_shoulder_roll_joint")])
    default = robot.data.default_joint_pos.torch
    assert torch.equal(undelayed(env.action_manager.get_term("joint_pos"))._offset, default)
    column = robot.joint_names.index("left_shoulder_roll_joint")
    shift = default[:, column] - nominal
    assert shift.abs().max() <= 0.0101 and shift.std() > 1e-4


def test_a_motion_that_cannot_be_read_is_refused_before_anything_starts():
    load_external_tasks()
    cfg, _ = overrides.resolve(TASK, None, ["env.commands.motion.motion_files=['walk','moonwalk']"])
    with pytest.raises(UsageError, match="motion moonwalk: no such file"):
        validate(cfg)
