"""State layouts against scipy's rotations, and against a rotation of the whole world."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.geometry import state_layouts
from isaaclab_datagen.geometry.state_layouts import WorldState

BODIES, JOINTS, STEPS, CURRENT = 30, 29, 7, 2


def random_state(seed: int = 0, tilt: float = 1.2) -> WorldState:
    """Any motion of a robot that does not lie on its face: the heading is well defined. In double precision."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform([-np.pi, -tilt, -np.pi], [np.pi, tilt, np.pi], (STEPS, 3))
    quat = Rotation.from_euler("ZYX", angles).as_quat() * rng.choice([-1, 1], (STEPS, 1))
    shapes = {"root_pos": 3, "root_lin_vel": 3, "root_ang_vel": 3, "joint_pos": JOINTS, "joint_vel": JOINTS}
    values = {name: rng.normal(size=(STEPS, width)) for name, width in shapes.items()}
    values |= {name: rng.normal(size=(STEPS, BODIES, 3)) for name in ("body_pos", "body_lin_vel")}
    return WorldState(**{name: torch.from_numpy(value) for name, value in {**values, "root_quat": quat}.items()})


def current_of(state: WorldState) -> WorldState:
    return state.map(lambda tensor: tensor[CURRENT : CURRENT + 1])


def turned_world(state: WorldState, angle: float, shift=(0.0, 0.0, 0.0)) -> WorldState:
    """The same happening, in a world that was turned about z and moved."""
    turn = Rotation.from_euler("z", angle)

    def rotate(vectors):
        return torch.from_numpy(turn.apply(vectors.reshape(-1, 3).numpy()).reshape(vectors.shape))

    moved = torch.tensor(shift, dtype=torch.float64)
    return WorldState(
        root_pos=rotate(state.root_pos) + moved,
        root_quat=torch.from_numpy((turn * Rotation.from_quat(state.root_quat.numpy())).as_quat()),
        root_lin_vel=rotate(state.root_lin_vel),
        root_ang_vel=rotate(state.root_ang_vel),
        body_pos=rotate(state.body_pos) + moved,
        body_lin_vel=rotate(state.body_lin_vel),
        joint_pos=state.joint_pos,
        joint_vel=state.joint_vel,
    )


def heading(quat: np.ndarray) -> Rotation:
    """The upright rotation that looks along the body's x axis."""
    forward = Rotation.from_quat(quat).as_matrix()[:, 0] * (1, 1, 0)
    forward /= np.linalg.norm(forward)
    return Rotation.from_matrix(np.stack([forward, np.cross((0, 0, 1), forward), (0, 0, 1)], axis=1))


def expected_bodies(state: WorldState) -> np.ndarray:
    """Body by body and step by step, with scipy."""
    rows = []
    for step in range(STEPS):
        seen = heading(state.root_quat[step].numpy()).inv()
        positions = [seen.apply((p - state.root_pos[step]).numpy()) for p in state.body_pos[step]]
        velocities = [seen.apply((v - state.root_lin_vel[step]).numpy()) for v in state.body_lin_vel[step]]
        rows.append(np.concatenate([*positions, *velocities]))
    return np.stack(rows)


def expected_root(state: WorldState) -> np.ndarray:
    seen = heading(state.root_quat[CURRENT].numpy()).inv()
    rows = []
    for step in range(STEPS):
        position = (state.root_pos[step] - state.root_pos[CURRENT]).numpy()
        position[2] = state.root_pos[step, 2]
        orientation = seen * Rotation.from_quat(state.root_quat[step].numpy())
        velocity = seen.apply(state.root_lin_vel[step].numpy())
        rows.append(np.concatenate([seen.apply(position), velocity, orientation.as_rotvec()]))
    return np.stack(rows)


@pytest.mark.parametrize("seed", range(3))
def test_body_pos_is_what_scipy_says(seed):
    state, layout = random_state(seed), state_layouts.body_pos(BODIES)
    found = layout(state).numpy()
    assert found.shape == (STEPS, 189) == (STEPS, layout.size)
    root = np.concatenate([state.root_pos, state.root_lin_vel, state.root_ang_vel], axis=1)
    np.testing.assert_array_equal(found[:, :9], root)
    np.testing.assert_allclose(found[:, 9:], expected_bodies(state), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_the_papers_layouts_are_what_scipy_says(seed):
    state = random_state(seed)
    found = state_layouts.body_pos_relative(BODIES)(state, current_of(state)).numpy()
    np.testing.assert_allclose(found, np.concatenate([expected_root(state), expected_bodies(state)], 1), atol=1e-12)
    joints = state_layouts.joint_rot(JOINTS)(state, current_of(state)).numpy()
    assert joints.shape == (STEPS, 9 + 2 * JOINTS)
    np.testing.assert_allclose(joints[:, :9], expected_root(state), atol=1e-12)
    np.testing.assert_array_equal(joints[:, 9:], np.concatenate([state.joint_pos, state.joint_vel], axis=1))


@pytest.mark.parametrize("angle", [0.3, -1.7, np.pi])
def test_in_a_turned_world_the_bodies_are_the_same_and_the_root_of_body_pos_turns(angle):
    layout, state = state_layouts.body_pos(BODIES), random_state(5)
    before, after = layout(state), layout(turned_world(state, angle))
    turn = Rotation.from_euler("z", angle)
    for name, part in layout.slices.items():
        if name.startswith("body"):
            np.testing.assert_allclose(after[:, part], before[:, part], atol=1e-12)
        else:
            np.testing.assert_allclose(after[:, part], turn.apply(before[:, part].numpy()), atol=1e-12)
            assert not np.allclose(after[:, part], before[:, part])


@pytest.mark.parametrize("layout", [state_layouts.body_pos_relative(BODIES), state_layouts.joint_rot(JOINTS)])
def test_in_a_turned_and_moved_world_everything_of_the_papers_is_the_same(layout):
    state = random_state(6)
    other = turned_world(state, 2.2, shift=(3.0, -4.0, 0.0))
    np.testing.assert_allclose(layout(other, current_of(other)), layout(state, current_of(state)), atol=1e-12)
    higher = turned_world(state, 0.0, shift=(0.0, 0.0, 0.5))
    difference = layout(higher, current_of(higher)) - layout(state, current_of(state))
    np.testing.assert_allclose(difference[:, 2], 0.5)  # heights are heights above the ground
    np.testing.assert_allclose(np.delete(difference, 2, axis=1), 0.0, atol=1e-12)


def test_at_the_current_step_the_root_is_at_home():
    state, layout = random_state(7), state_layouts.body_pos_relative(BODIES)
    root = layout(state, current_of(state))[CURRENT]
    np.testing.assert_allclose(root[:2], 0.0, atol=1e-12)
    assert root[2] == state.root_pos[CURRENT, 2]
    turned = Rotation.from_rotvec(root[layout.slices["root_rotation"]].numpy()).as_matrix()[:, 0]
    assert turned[0] > 0 and abs(turned[1]) < 1e-12


def test_the_root_body_is_at_zero_and_batches_are_free():
    state = random_state(8)
    state.body_pos[:, 0], state.body_lin_vel[:, 0] = state.root_pos, state.root_lin_vel
    layout = state_layouts.body_pos(BODIES)
    rows = layout(state)
    assert rows[:, 9:12].abs().max() == 0 == rows[:, 99:102].abs().max()
    batch = layout(state.map(lambda tensor: tensor.expand(4, *tensor.shape)))
    assert torch.equal(batch, rows.expand(4, -1, -1))


@pytest.mark.parametrize("name", state_layouts.NAMES)
def test_parts_cover_a_state_without_gap_and_say_what_they_are(name):
    layout = state_layouts.layout(name, BODIES, JOINTS)
    assert layout.name == name
    assert [part.start for part in layout.parts] == [0, *(part.stop for part in layout.parts[:-1])]
    assert all(part.unit and part.frame for part in layout.parts)
    assert layout(random_state()).shape[-1] == layout.size == {"joint_rot": 67}.get(name, 189)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 1.0, np.pi - 1e-6])
def test_rotation_vectors_are_exact_from_nothing_to_half_a_turn(angle):
    expected = np.array([0.6, 0.0, -0.8]) * angle
    quat = Rotation.from_rotvec(expected).as_quat()
    for sign in (1, -1):
        found = state_layouts.rotation_vector(torch.from_numpy(sign * quat)).numpy()
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_a_robot_that_lies_on_its_face_has_finite_numbers():
    quat = torch.from_numpy(Rotation.from_euler("y", np.pi / 2).as_quat()).expand(STEPS, 4)
    state = WorldState(**{**vars(random_state()), "root_quat": quat})
    for name in state_layouts.NAMES:
        assert state_layouts.layout(name, BODIES, JOINTS)(state).isfinite().all()


def test_an_unknown_layout_gets_the_closest_and_the_choices():
    with pytest.raises(UsageError, match=r"did you mean body_pos\? choose from body_pos, body_pos_relative, joint_rot"):
        state_layouts.layout("bodypos", 30, 29)
