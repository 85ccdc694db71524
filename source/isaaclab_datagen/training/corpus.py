"""All that a training learns from: decoded datasets side by side, their states, and which samples come how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isaaclab_datagen.datasets import features, formats, ranges
from isaaclab_datagen.datasets.arrays import Arrays, build, choose_episodes
from isaaclab_datagen.datasets.features import StateSpec
from isaaclab_datagen.datasets.moments import Moments
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.policies.signature import Signature
from isaaclab_datagen.training.options import TrainOptions

SAME = ("task", "direction", "step_dt")
"""Facts in which merged datasets must agree."""
_OF_FILES = ("source", "format", "episodes", "shape", "state")
"""Facts that say nothing of the task."""


@dataclass(frozen=True)
class Corpus:
    """Frames of all datasets, N in all, one dataset after the other."""

    arrays: tuple[Arrays, ...]
    originals: int
    """How many of the datasets are original ones; the others are rollouts."""
    signature: Signature
    states: np.ndarray
    """Shape is (N, D)."""
    actions: np.ndarray
    """Shape is (N, A)."""

    @property
    def num_frames(self) -> int:
        """N."""
        return len(self.states)

    @property
    def original_frames(self) -> int:
        """How many of the frames, the first ones, are of original datasets."""
        return sum(len(arrays.actions) for arrays in self.arrays[: self.originals])

    def windows(self, n_obs_steps: int, horizon: int, drop_last: int) -> Moments:
        """Every moment that the policy can be asked about."""
        lengths = np.concatenate([arrays.lengths for arrays in self.arrays])
        return Moments.of(lengths, n_obs_steps, horizon, drop_last)

    def statistics(self, image_keys: Sequence[str]) -> dict[str, ranges.Statistics]:
        """Of states, actions and each camera's images, by LeRobot's names. Those of images are of the first dataset."""
        images = self.arrays[0].images
        found = {key: ranges.of_images(images[:, number]) for number, key in enumerate(image_keys)}
        return {
            **found,
            features.READY: ranges.of_rows(self.states),
            "action": ranges.of_rows(self.actions),
        }

    def describe(self) -> list[dict[str, Any]]:
        """What is in it, JSON-clean."""
        return [
            {
                "path": str(arrays.facts["source"]),
                "kind": "original" if number < self.originals else "rollout",
                "episodes": len(arrays.lengths),
                "frames": int(arrays.lengths.sum()),
            }
            for number, arrays in enumerate(self.arrays)
        ]


def load(options: TrainOptions, signature: Signature | None) -> Corpus:
    """Decode the datasets where that was not done yet, and put them side by side.

    Args:
        options: Names them.
        signature: Of the policy that is to be finetuned; None where a new one begins.

    Raises:
        UsageError: The datasets do not fit together, or not the policy.
        RunError: One is broken, or holds no success.
    """
    cache = options.cache or options.out / "cache"
    cameras = options.cameras if signature is None else signature.cameras
    paths = (*options.data, *options.rollouts)
    arrays = tuple(_arrays(path, cache, options.keep_failures, cameras) for path in paths)
    for one in arrays[1:]:
        _check_same(arrays[0], one)
    if signature is not None and options.include_obj_pose and not signature.state.knows_object:
        raise UsageError("--include_obj_pose: the policy that is finetuned does not know the object's pose")
    signature = signature or begin(arrays[0], options.include_obj_pose)
    check_fits(signature, arrays[0])
    states = [_states(signature.state, one) for one in arrays]
    actions = np.concatenate([one.actions for one in arrays])
    if signature.action_quaternion is not None and signature.action_reference is not None:
        place = slice(signature.action_quaternion, signature.action_quaternion + 4)
        actions[:, place] = features.closer(actions[:, place], signature.action_reference)
    joined = np.concatenate(states).astype(np.float32)
    return Corpus(arrays, len(options.data), signature, joined, actions)


def require_unchanged(options: TrainOptions, known: Sequence[Mapping[str, Any]]) -> None:
    """Refuse to go on with other data than a training began with.

    Args:
        options: Name the datasets.
        known: What :meth:`Corpus.describe` gave then.

    Raises:
        UsageError: One has other numbers of episodes or frames.
        RunError: One is broken, or holds no success.
    """
    for path, entry in zip((*options.data, *options.rollouts), known, strict=True):
        steps = choose_episodes(formats.open_reader(path), options.keep_failures)
        there, then = (len(steps), sum(steps.values())), (entry["episodes"], entry["frames"])
        if there != then:
            raise UsageError(
                f"{path} has {there[0]} episodes of {there[1]} frames to learn from, {then[0]} of {then[1]} when the "
                f"training in {options.out} began. Restore it, or give another --out"
            )


def begin(arrays: Arrays, include_object: bool) -> Signature:
    """Of a new policy: what its first dataset holds.

    Raises:
        UsageError: No state can be made of it.
    """
    facts = arrays.facts
    spec = _spec(arrays, include_object)
    if include_object and not spec.knows_object:
        raise UsageError(
            f"--include_obj_pose: the states of {facts['source']} do not hold the object's pose. "
            "convert.py --include_obj_pose exports states that do"
        )
    start = facts.get("action_quaternion")
    reference = None if start is None else features.typical(arrays.actions[:, start : start + 4])
    known = {name: value for name, value in facts.items() if name not in _OF_FILES}
    height, width = arrays.images.shape[2:4]
    return Signature(spec, tuple(facts["cameras"]), (height, width), arrays.actions.shape[1], start, reference, known)


def check_fits(signature: Signature, arrays: Arrays) -> None:
    """Refuse data that are not what a policy sees and answers with.

    Raises:
        UsageError: Naming both shapes.
    """
    pairs = [
        ("images", signature.image_shape, tuple(arrays.images.shape[2:4])),
        ("actions", signature.action_dim, arrays.actions.shape[1]),
        ("task", signature.facts.get("task"), arrays.facts.get("task")),
        ("direction", signature.facts.get("direction"), arrays.facts.get("direction")),
    ]
    wrong = [f"{name} {one} of the policy, {other} of the data" for name, one, other in pairs if one != other]
    if wrong:
        raise UsageError(f"{arrays.facts['source']} does not fit the policy: {'; '.join(wrong)}")


def outside(corpus: Corpus, known: dict[str, ranges.Statistics]) -> list[str]:
    """Where the data leave the ranges that a policy was trained with, one line each. The ranges stay as they are."""
    lines = []
    columns = ((features.READY, corpus.states, corpus.signature.state.names), ("action", corpus.actions, None))
    for key, values, names in columns:
        for column, (least, most) in ranges.outside(values, known[key]).items():
            name = names[column] if names else f"number {column}"
            low, high = known[key]["min"][column], known[key]["max"][column]
            lines.append(f"{key} {name}: {least:.4g} to {most:.4g}, the policy's range is {low:.4g} to {high:.4g}")
    return lines


def _arrays(path: Path, cache: Path, keep_failures: bool, cameras: Sequence[str] | None) -> Arrays:
    return build(formats.open_reader(path), cache, keep_failures, cameras)


def _spec(arrays: Arrays, include_object: bool) -> StateSpec:
    """What a dataset's states are made of: what was said when they were, or what is chosen."""
    if features.READY in arrays.channels and "state" in arrays.facts:
        return StateSpec.from_json(arrays.facts["state"])
    widths = {name: values.shape[1] for name, values in arrays.channels.items()}
    joints = next(iter(arrays.facts.get("joint_names", {}).values()), [])
    return features.with_references(features.choose(widths, joints, include_object), arrays.channels)


def _states(spec: StateSpec, arrays: Arrays) -> np.ndarray:
    """A dataset's states: made of its channels, or those that it holds ready-made.

    Raises:
        UsageError: It lacks a channel, or its states are made of something else.
    """
    if features.READY not in arrays.channels:
        return features.state(spec, arrays.channels, np.concatenate)
    own = _spec(arrays, include_object=False)
    if not own.like(spec):
        raise UsageError(
            f"{arrays.facts['source']} holds states of {', '.join(own.names)}; wanted are {', '.join(spec.names)}"
        )
    return features.signed(spec, arrays.channels[features.READY])


def _check_same(first: Arrays, other: Arrays) -> None:
    pairs = [(name, first.facts.get(name), other.facts.get(name)) for name in SAME]
    pairs += [("images", first.images.shape[1:], other.images.shape[1:])]
    pairs += [("actions", first.actions.shape[1], other.actions.shape[1])]
    wrong = [f"{name} {one} and {two}" for name, one, two in pairs if one != two]
    if wrong:
        raise UsageError(f"{first.facts['source']} and {other.facts['source']} differ: {'; '.join(wrong)}")
