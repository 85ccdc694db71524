"""Reference motions of the G1: convert, retarget, check, show, list."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

import argparse
from pathlib import Path

from isaaclab_datagen.cli import errors, interrupts, motions, numbers, options
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.motions import files, humanoid


def build_parser() -> Parser:
    """Build the parser: a command, then its options."""
    parser = Parser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=Parser, metavar="COMMAND")
    convert = commands.add_parser("convert", help="a CSV of Unitree's layout, or an NPZ, to an NPZ with names")
    convert.add_argument("source", type=Path, metavar="FILE", help=".csv or .npz")
    convert.add_argument(
        "out", type=Path, nargs="?", metavar="OUT.npz", help="file to write (default: beside a CSV, of its name)"
    )
    add_reading(convert)
    add_writing(convert)
    retarget = commands.add_parser("retarget", help="one of Isaac Lab's humanoid clips to the G1")
    retarget.add_argument("clip", choices=humanoid.CLIPS, help="clip")
    retarget.add_argument("out", type=Path, metavar="OUT.npz", help="file to write")
    retarget.add_argument("--loop", type=options.positive_float, metavar="S", help="repeat its gait for S seconds")
    retarget.add_argument(
        "--period",
        type=options.positive_float,
        nargs=2,
        default=(0.5, 1.3),
        metavar=("S1", "S2"),
        help="shortest and longest stride to look for, in seconds",
    )
    add_writing(retarget)
    check = commands.add_parser("check", help="figures: limits, ground, feet, balance")
    check.add_argument("motions", nargs="+", metavar="MOTION", help=f"NPZ, or one of {', '.join(files.builtin())}")
    add_reading(check)
    show = commands.add_parser("show", help="a film and a contact sheet")
    show.add_argument("motion", metavar="MOTION", help=f"NPZ, or one of {', '.join(files.builtin())}")
    show.add_argument("--out", type=Path, default=Path("."), metavar="DIR", help="folder for them")
    show.add_argument("--seconds", type=options.positive_float, default=60.0, metavar="S", help="only the first S")
    show.add_argument(
        "--size", type=options.positive_int, nargs=2, default=(480, 360), metavar=("W", "H"), help="of the images [px]"
    )
    show.add_argument(
        "--recorded",
        type=numbers.dataset_folder,
        metavar="DATASET",
        help="beside it, on the left, who was recorded following it",
    )
    show.add_argument("--episode", type=numbers.non_negative_int, default=0, metavar="N", help="number of the episode")
    add_reading(show)
    options.add_launcher(show)
    commands.add_parser("list", help="the built-in motions")
    return parser


def add_reading(parser: Parser) -> None:
    """Add what a file may leave open."""
    group = parser.add_argument_group("reading", "What a file leaves open: older NPZ files hold no names.")
    group.add_argument("--fps", type=options.positive_float, metavar="R", help="frames a second (CSV: 30)")
    group.add_argument("--quaternion_order", choices=files.QUATERNION_ORDERS, help="BeyondMimic's files: wxyz")
    group.add_argument(
        "--order", choices=("depth_first", files.BREADTH_FIRST), help="joints and bodies; BeyondMimic's: breadth_first"
    )


def add_writing(parser: argparse.ArgumentParser) -> None:
    """Add how a motion is written."""
    group = parser.add_argument_group("writing")
    group.add_argument("--rate", type=options.positive_float, default=50.0, metavar="R", help="frames a second")
    group.add_argument("--compact", action="store_true", help="root and joints alone; the rest is computed on reading")


def main() -> None:
    """Run the command."""
    args = build_parser().parse_args()
    interrupts.finish_first()
    motions.COMMANDS[args.command](args)


if __name__ == "__main__":
    errors.run(main)
