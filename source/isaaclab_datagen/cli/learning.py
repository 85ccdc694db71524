"""What ``learn.py`` does between its options and the training. Imports no simulator."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from isaaclab_datagen.cli.numbers import dataset_folder, names, non_negative_int, positive_int, share
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.training.options import TrainOptions

STEPS, FINETUNING_STEPS = 8000, 5000
_POLICY = "--policy."


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(
        description="Train LeRobot's Diffusion Policy on a dataset, or finetune one. The same command goes on where it "
        "was stopped."
    )
    group = parser.add_argument_group("training")
    data = group.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--dataset", type=dataset_folder, nargs="+", metavar="D", help="datasets of any format here, or LeRobot's"
    )
    data.add_argument(
        "--finetune", type=Path, metavar="POLICY", help="run, checkpoint or pretrained_model to go on from"
    )
    group.add_argument("--out", type=Path, required=True, metavar="RUN", help="run folder")
    group.add_argument(
        "--steps",
        type=positive_int,
        metavar="N",
        help=f"steps of this call (default: {STEPS}; {FINETUNING_STEPS} with --finetune, beyond the policy's own)",
    )
    group.add_argument("--batch_size", type=positive_int, default=32, metavar="B", help="samples of each process")
    group.add_argument("--seed", type=non_negative_int, default=0, metavar="S", help="seed of the training")
    group.add_argument("--include_obj_pose", action="store_true", help="let the policy know the object's pose")
    text = "which cameras, in this order (default: all of the dataset)"
    group.add_argument("--cameras", type=names, metavar="A,B", help=text)
    group.add_argument("--keep_failures", action="store_true", help="learn from episodes without success too")
    group.add_argument("--amp", action="store_true", help="compute in bfloat16 where that is safe")
    group.add_argument(
        "--compile",
        action="store_true",
        help="fuse the image encoders' kernels: half their time on a GPU (needs a C compiler)",
    )
    group.add_argument(
        "--noise_draws",
        type=positive_int,
        default=1,
        metavar="K",
        help="noises that each sample is learned with in a step; its images are encoded once",
    )
    group.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N (default: a GPU if there is one)")
    group.add_argument(
        "--data_device", choices=("auto", "gpu", "cpu"), default="auto", help="where the images wait to be drawn"
    )
    group.add_argument("--cache", type=Path, metavar="DIR", help="folder for decoded datasets (default: RUN/cache)")
    group.add_argument("--save_freq", type=positive_int, default=2000, metavar="N", help="steps between checkpoints")
    group.add_argument("--log_freq", type=positive_int, default=50, metavar="N", help="steps between log entries")
    group.add_argument("--wandb", action="store_true", help="log to Weights & Biases too")
    group = parser.add_argument_group("finetuning")
    group.add_argument(
        "--original_data", type=dataset_folder, nargs="+", metavar="D", help="what the policy learned from"
    )
    group.add_argument("--rollout_data", type=dataset_folder, nargs="+", default=[], metavar="R", help="rollouts since")
    group.add_argument(
        "--rollout_share", type=share, default=0.5, metavar="P", help="share of the samples that are of rollouts"
    )
    parser.add_argument_group("policy", "--policy.FIELD=VALUE sets a field of LeRobot's DiffusionConfig")
    parser.add_aliases({"--checkpoint": "--finetune"})
    return parser


def parse(parser: Parser, argv: Sequence[str] | None = None) -> TrainOptions:
    """Read a command line.

    Raises:
        UsageError: Something does not fit together, or LeRobot is not installed.
    """
    args, rest = parser.parse_known_args(argv)
    policy = dict(_field(word) for word in rest if word.startswith(_POLICY))
    rest = [word for word in rest if not word.startswith(_POLICY)]
    parser.check_known(rest)
    if rest:
        raise UsageError(f"unexpected {rest[0]}: a field of the policy is set by --policy.FIELD=VALUE")
    return options(args, policy)


def options(args: argparse.Namespace, policy: dict[str, str]) -> TrainOptions:
    """Make the training's options of the parsed ones. Errors as :func:`parse`."""
    if args.finetune is not None and not args.original_data:
        raise UsageError("--finetune needs --original_data: without it the policy would forget what it learned from it")
    if args.finetune is None and (args.original_data or args.rollout_data):
        raise UsageError("--original_data and --rollout_data are for --finetune; a new policy learns from --dataset")
    data = args.dataset if args.finetune is None else args.original_data
    return TrainOptions(
        out=args.out,
        data=tuple(data),
        rollouts=tuple(args.rollout_data),
        finetune=args.finetune,
        steps=args.steps or (STEPS if args.finetune is None else FINETUNING_STEPS),
        batch_size=args.batch_size,
        seed=args.seed,
        include_obj_pose=args.include_obj_pose,
        cameras=args.cameras,
        keep_failures=args.keep_failures,
        rollout_share=args.rollout_share,
        noise_draws=args.noise_draws,
        policy=policy,
        save_freq=args.save_freq,
        log_freq=args.log_freq,
        amp=args.amp,
        compile=args.compile,
        wandb=args.wandb,
        cache=args.cache,
        device=args.device,
        data_device=args.data_device,
    )


def require_lerobot(what: str) -> None:
    """Refuse what needs the extra ``learn`` where it is not installed.

    Raises:
        UsageError: LeRobot is not there.
    """
    if importlib.util.find_spec("lerobot") is None:
        raise UsageError(f"{what} needs LeRobot, which is not installed: pip install 'isaaclab-datagen[learn]'")


def _field(word: str) -> tuple[str, str]:
    name, equals, value = word.removeprefix(_POLICY).partition("=")
    if not equals:
        raise UsageError(f"{word}: write --policy.FIELD=VALUE")
    return name, value
