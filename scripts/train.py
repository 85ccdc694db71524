"""Train an expert with RSL-RL, as Isaac Lab's own command does, on the device that is there."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

import argparse
import sys

from isaaclab_datagen import registry
from isaaclab_datagen.cli import errors, interrupts, launch, options, training, video
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import checkpoints, layouts

RESOLVED_HERE = ("--task", "--device", "--checkpoint", "--load_run", "--load_checkpoint")
"""Options whose values are worked out before Isaac Lab's command sees them; it gets all others as they are."""


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__)
    options.add_task(parser)
    options.add_agent(parser)
    options.add_checkpoint(parser)
    group = parser.add_argument_group("training")
    group.add_argument("--max_iterations", type=options.positive_int, metavar="I", help="policy updates")
    group.add_argument("--run_name", metavar="NAME", help="end of the run folder's name")
    group.add_argument("--logger", choices=("tensorboard", "wandb", "neptune"), help="where curves are sent")
    group.add_argument("--log_project_name", metavar="NAME", help="project at wandb or neptune")
    group.add_argument("--distributed", action="store_true", help="one process for each GPU")
    video.add_options(parser)
    options.add_launcher(parser)
    parser.add_aliases(options.RL_ALIASES)
    return parser


def forwarded(words: list[str]) -> list[str]:
    """Return the words without the options that are resolved here."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in RESOLVED_HERE:
        own.add_argument(name)
    return own.parse_known_args(words)[1]


def main() -> int:
    """Check everything that can be checked before the simulator starts, then hand over."""
    parser = build_parser()
    words = parser.canonical(sys.argv[1:])
    args, overrides = launch.parse(parser, words)
    if args.distributed and args.device == "cpu":
        raise UsageError("--distributed needs a GPU for each process: give --device cuda, or leave --distributed out")
    env_cfg, agent_cfg = launch.resolve(args, overrides, args.agent)
    command = ["--rl_library", "rsl_rl", "--task", args.task, "--device", args.device, *forwarded(words)]
    wish = checkpoints.Wish.of(args)
    if wish != checkpoints.Wish():
        found = checkpoints.resolve(wish, registry.find(args.task), env_cfg, agent_cfg)
        layouts.check_trainable(found.path)
        command += ["--checkpoint", str(found.path)]
    if not args.distributed and not any(word.startswith("agent.device=") for word in overrides):
        command.append(f"agent.device={args.device}")
    interrupts.finish_first()
    return training.train([*command, *video.select(args, overrides)[len(overrides) :]])


if __name__ == "__main__":
    errors.run(main)
