"""Play a dataset's actions again from its first states, and report how far states and success agree."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

import sys
from pathlib import Path

from isaaclab_datagen.cli import errors, launch, options, replaying
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.datasets import conversion, formats


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a dataset, or around it")
    group = parser.add_argument_group("replay")
    group.add_argument("--episodes", type=options.positive_int, metavar="K", help="only the first K (default: all)")
    group.add_argument(
        "--num_envs",
        type=options.positive_int,
        metavar="N",
        help="parallel environments (default: as recorded, each episode in its own; otherwise in any)",
    )
    group.add_argument(
        "--grace",
        type=options.non_negative_int,
        default=10,
        metavar="G",
        help="how often the last action may be repeated until the success is there again",
    )
    group.add_argument("--filter", type=Path, metavar="DST", help="write those that succeed as a dataset of their own")
    options.add_launcher(parser)
    parser.add_aliases(options.COMMON_ALIASES)
    return parser


def main() -> None:
    """Open the dataset, rebuild its environment, replay, report."""
    parser = build_parser()
    words = parser.canonical(sys.argv[1:])
    reader = formats.open_reader(parser.parse_known_args(words)[0].dataset)
    facts = replaying.recorded(reader)
    parser.set_defaults(task=facts["task"], device=replaying.device(facts))
    args, overrides = launch.parse(parser, words)
    if args.filter is not None:
        conversion.refuse_second(reader.manifest.format, args.filter, facts["task"])
    env_cfg = replaying.configure(args, overrides, facts)
    shares = replaying.share_out(reader, args, facts)
    with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
        agreements = replaying.replay(env, reader, shares, args.grace)
        replaying.show(agreements)
        if args.filter is not None:
            print(replaying.keep(reader, agreements, args.filter))
        print(replaying.judge(agreements, same_device=facts["device"] == env_cfg.sim.device.partition(":")[0]))


if __name__ == "__main__":
    errors.run(main)
