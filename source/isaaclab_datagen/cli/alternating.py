"""What ``alternate.py`` does between its options and the loop."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, collection, configuring, evaluation, jobs, options, robots
from isaaclab_datagen.cli.errors import usage
from isaaclab_datagen.cli.numbers import dataset_folder
from isaaclab_datagen.cli.overrides import field_names
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.datasets.files import FolderLock, write_atomically
from isaaclab_datagen.datasets.recording import RecordingSession
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.evaluation.alternation import DIRECTIONS, Alternation, CountingPlan, Switch, summary
from isaaclab_datagen.rollout.wrappers import Once, Seeded

if TYPE_CHECKING:
    from isaaclab.envs import ManagerBasedRLEnv  # loads simulation modules: not before Kit has started

REPORT = "alternation.json"


def build_parser(format_name: str | None = None) -> Parser:
    """Build the parser, with the options of the rollouts' format.

    Raises:
        UsageError: There is no such format.
    """
    parser = Parser(
        description="Let policy A and policy B act by turns in every environment, until one of them fails, and record "
        "what both do."
    )
    group = parser.add_argument_group("task")
    group.add_argument("--task", metavar="ID", help="gym id of the task (default: the one that A was trained for)")
    group.add_argument("--num_envs", type=options.positive_int, default=1, metavar="K", help="parallel chains")
    group.add_argument("--seed", type=options.non_negative_int, default=evaluation.SEED, metavar="S", help="seed")
    group = parser.add_argument_group("alternation")
    for name in DIRECTIONS:
        group.add_argument(f"--policy_{name}", type=Path, required=True, metavar="P", help=f"policy of task {name}")
    for name in DIRECTIONS:
        text = f"folder for the rollouts of task {name}, successes and failures"
        group.add_argument(
            f"--out_{name}", type=dataset_folder, default=Path(f"data/rollout_{name}_iter"), metavar="DIR", help=text
        )
    group.add_argument("--max_cycles", type=options.positive_int, default=50, metavar="C", help="A-B cycles at most")
    group.add_argument(
        "--horizon", type=options.positive_int, default=400, metavar="T", help="steps of each leg at most"
    )
    group.add_argument(
        "--height_threshold", type=options.positive_float, default=0.15, metavar="Z", help="height of a lifted cube [m]"
    )
    group.add_argument(
        "--distance_threshold", type=options.positive_float, default=0.05, metavar="D", help="at the target [m]"
    )
    group.add_argument(
        "--goal_xy", type=options.finite_float, nargs=2, default=(0.5, 0.0), metavar=("X", "Y"), help="the goal [m]"
    )
    group.add_argument("--report", type=Path, metavar="FILE", help=f"file of the figures (default: OUT_A/{REPORT})")
    group.add_argument("--format", metavar="NAME", help="of the rollouts (default: the task's)")
    group.add_argument(
        "--inference_steps", type=options.positive_int, metavar="N", help="denoising steps (default: as trained for)"
    )
    group.add_argument("--language", metavar="TEXT", help="what the robot does, in words, stored with the rollouts")
    if format_name is not None:
        formats.load_live(format_name).add_options(parser.add_argument_group(f"format {format_name}"))
    options.add_cameras(parser)
    options.add_launcher(parser)
    parser.add_aliases(options.COMMON_ALIASES)
    return parser


def first_task(policy: Path) -> str:
    """The task that a policy was trained for.

    Raises:
        UsageError: It does not say so.
    """
    task = actors.open_policy(policy, None).signature.facts.get("task")
    if task is None:
        raise UsageError(f"give --task: {policy} does not say what it was trained for")
    return str(task)


def open_policies(args: argparse.Namespace) -> dict[str, actors.Policy]:
    """Both policies.

    Raises:
        UsageError: One is missing, is of the other direction, or they see different things.
    """
    policies = {}
    for name in DIRECTIONS:
        policies[name] = actors.open_policy(vars(args)[f"policy_{name}"], args.inference_steps)
        learned = policies[name].signature.facts.get("direction", name)
        if learned != name:
            raise UsageError(f"--policy_{name} {vars(args)[f'policy_{name}']}: was trained for direction {learned}")
    seen = {name: policy.signature.cameras for name, policy in policies.items()}
    if set(seen["A"]) != set(seen["B"]):
        raise UsageError(f"the policies see different cameras: A {', '.join(seen['A'])}; B {', '.join(seen['B'])}")
    return policies


def settings(args: argparse.Namespace) -> dict[str, Any]:
    """Fields of the configuration of a task that can be done by turns, as the options have them."""
    return {
        "direction": DIRECTIONS[0],
        "chain": True,
        "goal_xy": tuple(args.goal_xy),
        "height_threshold": args.height_threshold,
        "distance_threshold": args.distance_threshold,
    }


def configure(
    args: argparse.Namespace,
    overrides: Sequence[str],
    task: registry.TaskInfo,
    env_cfg: Any,
    policies: Mapping[str, actors.Policy],
) -> None:
    """Have the task done by turns.

    Raises:
        UsageError: If the task has no two directions, or an override says otherwise than the options.
    """
    wanted = settings(args)
    missing = [name for name in wanted if name not in field_names(env_cfg)]
    if missing:
        raise UsageError(f"{task.id} cannot be done by turns: its configuration has no {', '.join(missing)}")
    for name, value in wanted.items():
        setattr(env_cfg, name, value)
    args.max_steps, args.expert = args.horizon, None
    configuring.configure_policy(args, overrides, task, env_cfg, policies["A"].signature.cameras)
    with usage(task.id, ValueError):
        env_cfg.validate_config()


class Rollouts:
    """Two datasets that are being recorded, and appear whole when the alternation is over."""

    def __init__(
        self,
        args: argparse.Namespace,
        overrides: Sequence[str],
        env_cfg: Any,
        policies: Mapping[str, actors.Policy],
        format_name: str,
    ) -> None:
        """Open them under hidden names; what a killed run left there is removed.

        Raises:
            UsageError: One is there already.
            RunError: Another process records one.
        """
        self.targets = {name: Path(vars(args)[f"out_{name}"]) for name in DIRECTIONS}
        self.plans = {name: CountingPlan() for name in DIRECTIONS}
        self._parts = {name: path.with_name(f".{path.name}.partial") for name, path in self.targets.items()}
        for path in self.targets.values():
            if path.exists():
                raise UsageError(f"{path} is there already: give another --out_A and --out_B")
        if self.targets["A"] == self.targets["B"]:
            raise UsageError(f"--out_A and --out_B are both {self.targets['A']}: give two folders")
        self.writers: dict[str, formats.OpenWriter] = {}
        with ExitStack() as undo:
            undo.callback(self.discard)
            for name, path in self._parts.items():
                lock = FolderLock(path)
                lock.clear()
                lock.release()
                own = argparse.Namespace(**{**vars(args), "out": path, "keep_failures": True, "success_only": False})
                leg_cfg, words = _leg(args, env_cfg, name)
                whole = collection.identity(own, [jobs.Job(leg_cfg, policies[name])], format_name)
                facts = collection.facts(own, [*overrides, *words], leg_cfg)
                self.writers[name] = formats.load_live(format_name).open_writer(path, own, whole, facts)
            undo.pop_all()

    def discard(self) -> None:
        """Remove what did not appear."""
        for name, writer in self.writers.items():
            shutil.rmtree(self._parts[name], ignore_errors=True)
            writer.lock.release()

    def finish(self, report: Mapping[str, Any], file: Path | None) -> Path:
        """Let them appear, with the figures.

        Returns:
            The file of the figures.
        """
        data = json.dumps(report, indent=1).encode()
        for name, part in self._parts.items():
            (part / REPORT).write_bytes(data)
            self.targets[name].parent.mkdir(parents=True, exist_ok=True)
            part.rename(self.targets[name])
        if file is None:
            return self.targets["A"] / REPORT
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, data)
        return file


def _leg(args: argparse.Namespace, env_cfg: Any, direction: str) -> tuple[Any, list[str]]:
    """The configuration in which a leg is an episode by itself, for replays and trainings, and as overrides."""
    fields = settings(args) | {"direction": direction, "chain": False}
    leg_cfg = deepcopy(env_cfg)
    for name, value in fields.items():
        setattr(leg_cfg, name, value)
    leg_cfg.validate_config()
    spelled = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    return leg_cfg, [f"env.{name}={value}" for name, value in spelled.items()]


def run(
    env: ManagerBasedRLEnv, args: argparse.Namespace, policies: Mapping[str, actors.Policy], rollouts: Rollouts
) -> dict[str, Any]:
    """Run every chain to its end, recording.

    Returns:
        The figures.
    """
    from isaaclab_datagen.recorders import terms
    from isaaclab_datagen.recorders.provenance import describe
    from isaaclab_datagen.recorders.stream import EpisodeStream
    from isaaclab_datagen.rollout.loop import rollout

    recorder = terms.find(env)
    source = recorder.bind(None)
    frame = Once(source.read)
    acting = {name: actors.policy_actor(policy, env, frame, args.seed, source) for name, policy in policies.items()}
    with ExitStack() as stack:
        streams = {}
        for name, writer in rollouts.writers.items():
            session = stack.enter_context(RecordingSession(writer, env.num_envs))
            facts = {"seed": args.seed, "session": writer.session, "direction": name}
            stream = EpisodeStream(rollouts.plans[name], env.num_envs, session, facts)
            streams[name] = stack.enter_context(closing(stream))
            writer.manifest.describe({**describe(env, source), **robots.end_effector(env)})
        alternation = Alternation(env.num_envs, args.max_cycles, streams, env.device)
        recorder.bind(alternation)
        bar = stack.enter_context(tqdm(unit="leg", dynamic_ncols=True, mininterval=1.0))

        def step() -> None:
            legs = sum(len(chain.outcomes) for chain in alternation.chains)
            going = sum(int(where.sum()) for where in alternation.running.values()) if legs > bar.n else None
            if going is not None:
                bar.set_postfix_str(f"{going} chains go on", refresh=False)
            bar.update(legs - bar.n)

        try:
            rollout(Seeded(env, args.seed), Switch(alternation, acting, frame), lambda: alternation.done, step)
        finally:
            recorder.bind(None)
    asked = ("seed", "max_cycles", "horizon", "height_threshold", "distance_threshold", "goal_xy")
    acted = {name: {"path": str(policy.model), **policy.settings} for name, policy in policies.items()}
    return {**summary(alternation.chains), **{name: vars(args)[name] for name in asked}, "policies": acted}
