"""Motion files: NPZ with names, and Unitree's CSV.

An NPZ holds ``fps``, ``joint_names``, ``body_names``, ``quaternion_order`` and the arrays of
:class:`~isaaclab_datagen.motions.motion.Motion`; or, a tenth of the size, ``root_pos``, ``root_quat`` and ``joint_pos``
alone, from which bodies and velocities follow. Files of older tools (BeyondMimic) hold the arrays without names, and
quaternions as w x y z: what they leave open has to be said.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from isaaclab_datagen.assets.g1 import BODY_NAMES, JOINT_NAMES
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.motions.inverse_kinematics import Configuration
from isaaclab_datagen.motions.motion import Motion, from_configuration, resampled

QUATERNION_ORDERS = ("xyzw", "wxyz")

BODY_ARRAYS = {"body_pos_w": 3, "body_quat_w": 4, "body_lin_vel_w": 3, "body_ang_vel_w": 3}

CSV_COLUMNS = 7 + len(JOINT_NAMES)
"""Root position, quaternion x y z w, 29 joints in the package's order."""

BREADTH_FIRST = "breadth_first"
"""Order of joints and bodies in files that PhysX tools wrote."""

SAID = {
    "fps": "--fps R",
    "quaternion_order": f"--quaternion_order {' or '.join(QUATERNION_ORDERS)}",
    "joint_names": f"--order depth_first or {BREADTH_FIRST}",
}
"""What an older file may leave open, and the options of ``motion.py`` that say it."""


def builtin() -> tuple[str, ...]:
    """Names of the motions that come with the package."""
    folder = resources.files("isaaclab_datagen.motions") / "builtin"
    return tuple(sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".npz")))


def locate(name: str) -> Path:
    """Return the file of a motion: a path, or the name of a built-in one.

    Raises:
        UsageError: If there is neither.
    """
    if name in builtin():
        return Path(str(resources.files("isaaclab_datagen.motions") / "builtin" / f"{name}.npz"))
    path = Path(name).expanduser()
    if not path.is_file():
        raise UsageError(f"motion {name}: no such file, and no built-in motion: choose from {', '.join(builtin())}")
    return path


def load(name: str, quaternion_order: str | None = None, order: str | None = None, fps: float | None = None) -> Motion:
    """Read a motion of the G1.

    Args:
        name: Path of an NPZ, or the name of a built-in motion.
        quaternion_order: One of :data:`QUATERNION_ORDERS`, for a file that does not say.
        order: Order of joints and bodies, ``depth_first`` (Newton, Unitree) or :data:`BREADTH_FIRST` (PhysX), for a
            file that does not name them.
        fps: Rate, for a file that does not say.

    Raises:
        UsageError: If the file is no motion of the G1, is broken, or leaves open what was not said.
    """
    path = locate(name)
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {key: file[key] for key in file.files}
    except (ValueError, BadZipFile, EOFError, OSError) as error:
        raise UsageError(f"motion {path}: not a readable NPZ without pickles ({error})") from error
    rate = _rate(path, held, fps)
    quaternions = str(held["quaternion_order"]) if "quaternion_order" in held else quaternion_order
    if quaternions is None:
        raise _left_open(path, held, "quaternion_order", "its quaternion order")
    if quaternions not in QUATERNION_ORDERS:
        raise UsageError(f"motion {path}: quaternion order is {quaternions}; known are {', '.join(QUATERNION_ORDERS)}")
    if "root_pos" in held:
        _check(path, held, {"root_pos": 3, "root_quat": 4})
        named = _names(path, held, "joint_names", order)
        _same_names(path, "joint_names", named, JOINT_NAMES)
        _same_width(path, held, "joint_pos", len(named))
        joints = [named.index(name) for name in JOINT_NAMES]
        root_quat = _xyzw(held["root_quat"], quaternions)
        return from_configuration(Configuration(held["root_pos"], root_quat, held["joint_pos"][:, joints]), rate)
    return _full(path, held, rate, quaternions, order)


def _full(path: Path, held: dict[str, np.ndarray], rate: float, quaternions: str, order: str | None) -> Motion:
    """A file with bodies, in the package's order."""
    _check(path, held, BODY_ARRAYS)
    if "joint_vel" not in held or held["joint_vel"].shape != held["joint_pos"].shape:
        raise UsageError(f"motion {path}: joint_vel is missing or not of the shape of joint_pos")
    joints, bodies = (_names(path, held, key, order) for key in ("joint_names", "body_names"))
    _same_names(path, "joint_names", joints, JOINT_NAMES)
    _same_names(path, "body_names", bodies, BODY_NAMES)
    _same_width(path, held, "joint_pos", len(joints))
    for key in BODY_ARRAYS:
        _same_width(path, held, key, len(bodies))
    _check_finite(path, "joint_vel", held["joint_vel"])
    arrays = {key: held[key].astype(float) for key in BODY_ARRAYS}
    arrays["body_quat_w"] = _xyzw(arrays["body_quat_w"], quaternions)
    made = Motion(rate, joints, bodies, held["joint_pos"].astype(float), held["joint_vel"].astype(float), **arrays)
    return made.ordered(JOINT_NAMES, BODY_NAMES)


def save(motion: Motion, path: Path) -> None:
    """Write a motion with all its arrays (float32)."""
    arrays = {key: getattr(motion, key).astype(np.float32) for key in ("joint_pos", "joint_vel", *BODY_ARRAYS)}
    _write(path, motion.fps, body_names=np.array(motion.body_names), **arrays)


def save_configuration(configuration: Configuration, fps: float, path: Path) -> None:
    """Write root and joints of the G1 alone (float32)."""
    _write(
        path,
        fps,
        root_pos=configuration.root_pos.astype(np.float32),
        root_quat=configuration.root_quat.astype(np.float32),
        joint_pos=configuration.joint_pos.astype(np.float32),
    )


def read_csv(path: Path, fps: float, wanted: float) -> Motion:
    """Read a CSV of Unitree's retargeted LAFAN1 and give it the rate that is wanted.

    Args:
        path: A row a frame: root position 3, quaternion x y z w, 29 joints.
        fps: Rows a second.
        wanted: Frames a second of the result.

    Raises:
        UsageError: If it has no rows, other columns, values that are no finite numbers, or quaternions of length 0.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            rows = np.loadtxt(path, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise UsageError(f"motion {path}: {error}") from error
    if rows.shape[0] < 2 or rows.shape[1] != CSV_COLUMNS:
        raise UsageError(f"motion {path}: shape is {rows.shape}; needs 2 rows or more of {CSV_COLUMNS} columns")
    if not np.isfinite(rows).all():
        raise UsageError(f"motion {path}: row {int(np.argwhere(~np.isfinite(rows))[0, 0]) + 1} holds no finite number")
    _check_lengths(path, rows[:, 3:7])
    found = Configuration(rows[:, :3], rows[:, 3:7] / np.linalg.norm(rows[:, 3:7], axis=1)[:, None], rows[:, 7:])
    return from_configuration(resampled(found, fps, wanted), wanted)


def _write(path: Path, fps: float, **arrays: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = np.array(JOINT_NAMES)
    facts = {"fps": np.array(fps), "joint_names": names, "quaternion_order": np.array("xyzw")}
    np.savez_compressed(path, allow_pickle=False, **facts, **arrays)


def _rate(path: Path, held: dict[str, np.ndarray], fps: float | None) -> float:
    rate = float(np.ravel(held["fps"])[0]) if "fps" in held else fps
    if rate is None:
        raise _left_open(path, held, "fps", "its rate")
    if not np.isfinite(rate) or rate <= 0:
        raise UsageError(f"motion {path}: rate is {rate}; must be a positive number")
    return rate


def _left_open(path: Path, held: dict[str, np.ndarray], key: str, what: str) -> UsageError:
    """An older file, which says less than is needed. Tasks do not ask, so all that it leaves open is named at once."""
    options = " ".join(option for name, option in SAID.items() if name not in held or name == key)
    return UsageError(
        f"motion {path}: an older file, which does not say {what}; write it anew, and use that: "
        f"motion.py convert {path} NEW.npz {options}"
    )


def _check(path: Path, held: dict[str, np.ndarray], widths: dict[str, int]) -> None:
    """Refuse missing arrays, no frames, other lengths, and what is no finite number."""
    missing = sorted({"joint_pos", *widths} - held.keys())
    if missing:
        raise UsageError(f"motion {path}: {', '.join(missing)} are missing; it holds {', '.join(sorted(held))}")
    frames = len(held["joint_pos"])
    if frames < 2 or held["joint_pos"].ndim != 2:
        raise UsageError(f"motion {path}: joint_pos has shape {held['joint_pos'].shape}; needs 2 frames or more")
    for name, width in [*widths.items(), ("joint_pos", held["joint_pos"].shape[1])]:
        values = held[name]
        if len(values) != frames or values.shape[-1] != width:
            raise UsageError(f"motion {path}: {name} has shape {values.shape}, for {frames} frames of width {width}")
        _check_finite(path, name, values)
        if width == 4:
            _check_lengths(path, values)


def _check_finite(path: Path, name: str, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        frame = int(np.argwhere(~np.isfinite(values))[0, 0])
        raise UsageError(f"motion {path}: {name} is not finite in frame {frame}")


def _check_lengths(path: Path, quaternions: np.ndarray) -> None:
    lengths = np.linalg.norm(quaternions, axis=-1)
    if np.abs(lengths - 1).max() > 0.02:
        frame = int(np.argmax(np.abs(lengths - 1).reshape(len(lengths), -1).max(axis=1)))
        raise UsageError(f"motion {path}: a quaternion of frame {frame} is not of length 1")


def _names(path: Path, held: dict[str, np.ndarray], key: str, order: str | None) -> tuple[str, ...]:
    if key in held:
        return tuple(str(name) for name in held[key])
    orders = {"depth_first": JOINT_NAMES, BREADTH_FIRST: breadth_first()[1:]}
    if key == "body_names":
        orders = {"depth_first": BODY_NAMES, BREADTH_FIRST: breadth_first()}
    if order is None or order not in orders:
        raise _left_open(path, held, "joint_names", "the order of its joints and bodies")
    names = orders[order]
    if key == "joint_names" and order == BREADTH_FIRST:
        names = tuple(JOINT_NAMES[BODY_NAMES.index(body) - 1] for body in names)
    return tuple(names)


def _same_names(path: Path, key: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    if sorted(found) != sorted(wanted):
        strange = sorted(set(found) ^ set(wanted))
        raise UsageError(f"motion {path}: {key} are not the G1's ({len(found)} of {len(wanted)}): {', '.join(strange)}")


def _same_width(path: Path, held: dict[str, np.ndarray], key: str, names: int) -> None:
    """Refuse an array of other joints or bodies than are named, or that an order stands for."""
    shape, what = held[key].shape, "bodies" if key.startswith("body") else "joints"
    if len(shape) != (3 if what == "bodies" else 2) or shape[1] != names:
        raise UsageError(f"motion {path}: {key} has shape {shape}, but {names} {what} are named")


def _xyzw(quaternions: np.ndarray, order: str) -> np.ndarray:
    turned = quaternions if order == "xyzw" else np.roll(quaternions, -1, axis=-1)
    return turned / np.linalg.norm(turned, axis=-1, keepdims=True)


def breadth_first() -> tuple[str, ...]:
    """The G1's bodies level by level, as PhysX orders them."""
    from isaaclab_datagen.motions.kinematics import g1

    parents = g1().parents
    depth = [0] * len(parents)
    for body, parent in enumerate(parents):
        depth[body] = depth[parent] + 1 if parent >= 0 else 0
    return tuple(BODY_NAMES[body] for body in _levels(depth, parents))


def _levels(depth: Sequence[int], parents: Sequence[int]) -> list[int]:
    """Bodies by depth, and within a level in their parents' order."""
    levels = [[0]]
    while len(levels) <= max(depth):
        levels.append([body for parent in levels[-1] for body, of in enumerate(parents) if of == parent])
    return [body for level in levels for body in level]
