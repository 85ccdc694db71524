"""Write a dataset again, in another format, with other options, or backwards. It appears whole when it is done."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

import sys
from pathlib import Path

from isaaclab_datagen.cli import interrupts
from isaaclab_datagen.cli.errors import run
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.datasets import conversion, formats
from isaaclab_datagen.datasets.transforms import LABELS
from isaaclab_datagen.datasets.views import Reversed, Reversing, without_broken
from isaaclab_datagen.errors import UsageError


def build_parser(argv: list[str] | None = None) -> Parser:
    """Build the parser, with the options of the format that ``argv`` asks for."""
    first = Parser(add_help=False)
    first.add_argument("--format")
    first.add_argument("--reverse", action="store_true")
    name, reverse = vars(first.parse_known_args(argv)[0]).values()
    parser = Parser(description=__doc__)
    parser.add_argument("source", type=Path, metavar="SRC", help="folder of a dataset, or around it")
    parser.add_argument("out", type=Path, metavar="DST", help="folder that the new dataset is put into")
    parser.add_argument(
        "--format", required=not reverse, metavar="NAME", help=f"{', '.join(formats.names())}; reversed: SRC's own"
    )
    parser.add_argument("--keep_failures", action="store_true", help="convert failed episodes to any format")
    parser.add_argument("--skip_broken", action="store_true", help="leave out episodes that cannot be read, and say so")
    group = parser.add_argument_group("time reversal")
    group.add_argument("--reverse", action="store_true", help="play every episode backwards, for the other direction")
    ours = Reversing()
    group.add_argument("--labels", choices=tuple(LABELS), help=f"where actions come from (default: {ours.labels})")
    group.add_argument("--lead", type=int, metavar="K", help=f"frames that the arm is behind (default: {ours.lead})")
    group.add_argument("--no_trim", dest="trim", action="store_const", const=False, help="keep rests at both ends")
    if name is None and reverse:
        name = formats.detect(parser.parse_known_args(argv)[0].source)[0]
        parser.set_defaults(format=name)
    if name is not None:
        formats.load(name).add_options(parser.add_argument_group(f"format {name}"))
    return parser


def main() -> None:
    """Convert, and say what was left out."""
    parser = build_parser()
    args, rest = parser.parse_known_args()
    if rest:
        parser.check_known(rest)
        raise UsageError(f"unexpected {rest[0]}: give one dataset and one folder")
    how = {name: vars(args)[name] for name in ("labels", "lead", "trim") if vars(args)[name] is not None}
    if how and not args.reverse:
        raise UsageError("--labels, --lead and --no_trim say how episodes are reversed: give --reverse too")
    source = formats.open_reader(args.source)
    if args.skip_broken:
        source, broken = without_broken(source)
        for reason in broken:
            print(f"left out a broken episode: {reason}", file=sys.stderr)
    if args.reverse:
        source = Reversed(source, Reversing(**how))
    keep_failures = args.keep_failures or formats.load(args.format).KEEPS_FAILURES
    interrupts.finish_first()
    made = conversion.convert(source, args.format, args.out, args, keep_failures)
    if made.failures:
        print(f"left out {len(made.failures)} episodes without success (--keep_failures takes them)", file=sys.stderr)
    if made.streams:
        print(f"left out {', '.join(made.streams)}: the format cannot hold them", file=sys.stderr)
    print(f"{len(made.episodes)} episodes in {made.root}")


if __name__ == "__main__":
    run(main)
