"""Who acts in a task: an expert, or a policy that was learned."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isaaclab.utils import to_dict

from isaaclab_datagen import registry
from isaaclab_datagen.cli.learning import require_lerobot
from isaaclab_datagen.datasets.arrays import action_quaternion
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import checkpoints, factory
from isaaclab_datagen.policies.checkpoints import resolve
from isaaclab_datagen.policies.signature import Signature
from isaaclab_datagen.rollout.actor import Actor
from isaaclab_datagen.rollout.wrappers import Chunks, Observations

if TYPE_CHECKING:
    from collections.abc import Callable

    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

    from isaaclab_datagen.recorders.frames import FrameSource


@dataclass(frozen=True)
class Policy:
    """A policy that was chosen, before there is an environment."""

    model: Path
    """Its ``pretrained_model``."""
    signature: Signature
    inference_steps: int | None = None

    @property
    def name(self) -> str:
        """What datasets call it."""
        return "policy"

    @property
    def settings(self) -> dict[str, Any]:
        """What identifies its behaviour, JSON-clean."""
        digest = hashlib.sha256((self.model / "model.safetensors").read_bytes()).hexdigest()
        return {"policy_sha256": digest, "inference_steps": self.inference_steps}


Chosen = factory.Expert | Policy


def open_policy(path: Path, inference_steps: int | None) -> Policy:
    """Find a policy.

    Raises:
        UsageError: There is none, or LeRobot is not installed.
    """
    require_lerobot("a policy")
    model = resolve(path)
    return Policy(model, Signature.load(model), inference_steps)


def choose(args: argparse.Namespace, task: registry.TaskInfo, env_cfg: Any, agent_cfg: Any) -> Chosen:
    """The policy or the expert that was asked for.

    Raises:
        UsageError: There is none, or both were asked for.
    """
    check_one(args)
    if args.policy is None:
        return factory.choose(task, args.expert, checkpoints.Wish.of(args), env_cfg, agent_cfg)
    policy = open_policy(args.policy, args.inference_steps)
    check_direction(policy, env_cfg)
    return policy


def check_one(args: argparse.Namespace) -> None:
    """Refuse options of an expert beside ``--policy``, and of a policy without it.

    Raises:
        UsageError: There is one.
    """
    if args.policy is None and args.inference_steps is not None:
        raise UsageError("--inference_steps is for a learned policy: give --policy")
    if args.policy is not None and (vars(args).get("expert") or checkpoints.Wish.of(args) != checkpoints.Wish()):
        raise UsageError("--policy is a learned policy: leave out --expert, --checkpoint and the like")


def check_direction(policy: Policy, env_cfg: Any) -> None:
    """Refuse a policy of the other direction.

    Raises:
        UsageError: It was trained for the other one, or both are asked for.
    """
    learned, asked = policy.signature.facts.get("direction"), vars(env_cfg).get("direction")
    if learned is not None and vars(env_cfg).get("chain"):
        raise UsageError(f"{policy.model} was trained for env.direction={learned}, env.chain=true asks for both")
    if learned is not None and asked is not None and learned != asked:
        raise UsageError(f"{policy.model} was trained for env.direction={learned}, the task is asked for {asked}")


def build(chosen: Chosen, env: ManagerBasedRLEnv, source: FrameSource | None, seed: int) -> Actor:
    """Make it act.

    Args:
        chosen: From :func:`choose`.
        env: The environment.
        source: Where a policy's frames are read from: the recorder's.
        seed: Of what it draws.

    Raises:
        UsageError: It does not fit the task.
    """
    if not isinstance(chosen, Policy):
        return factory.build(chosen, env, seed)
    assert source is not None
    return policy_actor(chosen, env, source.read, seed, source)


def build_recorded(chosen: Chosen, env: ManagerBasedRLEnv, seed: int) -> Actor:
    """Make it act on what the environment's own recorder reads. Errors as :func:`build`."""
    from isaaclab_datagen.recorders import terms

    source = terms.find(env).bind(None) if isinstance(chosen, Policy) else None
    return build(chosen, env, source, seed)


def policy_actor(
    policy: Policy, env: ManagerBasedRLEnv, observe: Callable[[], Observations], seed: int, source: FrameSource
) -> Chunks:
    """A policy as an actor.

    Args:
        policy: From :func:`open_policy`.
        env: The environment.
        observe: Reads a frame, with images.
        seed: Of its noise.
        source: What is recorded.

    Raises:
        UsageError: The policy does not fit the task.
    """
    from isaaclab_datagen.policies.diffusion.planner import DiffusionPlanner  # takes seconds

    check_fits(policy, env, source)
    planner = DiffusionPlanner(policy.model, env.device, seed, policy.inference_steps)
    return Chunks(planner, observe, env.num_envs, env.device)


def check_fits(policy: Policy, env: ManagerBasedRLEnv, source: FrameSource) -> None:
    """Refuse a policy whose inputs or actions are not the task's.

    Raises:
        UsageError: Naming both shapes.
    """
    signature, wrong = policy.signature, []
    for camera in signature.cameras:
        if camera not in source.cameras:
            wrong.append(f"it sees {camera}, the task has {', '.join(source.cameras) or 'no camera'}")
            continue
        cfg: Any = source.cameras[camera].cfg
        if (cfg.height, cfg.width) != tuple(signature.image_shape):
            height, width = signature.image_shape
            wrong.append(f"{camera}: {width}x{height} px in the policy, {cfg.width}x{cfg.height} px in the task")
    dim = env.action_manager.total_action_dim
    if dim != signature.action_dim:
        wrong.append(f"actions: {signature.action_dim} numbers of the policy, {dim} of the task")
    terms = {name: env.action_manager.get_term(name).action_dim for name in env.action_manager.active_terms}
    here = action_quaternion({"env": {"actions": to_dict(env.cfg.actions)}, "action_terms": terms})
    if signature.action_quaternion not in (None, here):
        wrong.append(f"actions: a quaternion from number {signature.action_quaternion} on in the policy, {here} here")
    known = {name: tuple(tensor.shape[1:]) for name, tensor in source.read(images=False).items()}
    for part in signature.state.parts:
        count = part.columns is None and known.get(part.channel) != (len(part.names),)
        if part.channel not in known or count:
            here = known.get(part.channel, "absent")
            wrong.append(f"state: {part.channel} of {len(part.names)} in the policy, {here} in the task")
    joints = {name: list(asset.joint_names) for name, asset in env.scene.articulations.items()}
    learned = signature.facts.get("joint_names", joints)
    if any(part.channel == "joint_pos" for part in signature.state.parts) and learned != joints:
        wrong.append(f"joints: {learned} in the policy, {joints} in the task")
    if wrong:
        raise UsageError(f"{policy.model} does not fit {env.spec.id if env.spec else 'the task'}: {'; '.join(wrong)}")
