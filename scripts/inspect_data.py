"""Check a dataset, whatever its format: a table, a contact sheet, plots of actions and trajectories."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from isaaclab_datagen.cli import interrupts
from isaaclab_datagen.cli.errors import run
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.datasets import formats, inspection, pictures
from isaaclab_datagen.errors import RunError, UsageError

SHOWN = 10
"""How many problems or flags are spelled out."""


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__)
    parser.add_argument("dataset", type=Path, metavar="DATASET", help="folder of a dataset, or around it")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the pictures (default: beside the dataset)")
    parser.add_argument("--episodes", type=int, default=4, metavar="K", help="how many episodes to draw")
    parser.add_argument(
        "--frozen_frames", type=int, default=10, metavar="N", help="identical frames that make a stream frozen"
    )
    return parser


def show(report: inspection.Report) -> None:
    """Print the table, then what looks wrong."""
    table = Table(show_header=False)
    for row in report.rows():
        table.add_row(*row)
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for kind, lines in (("suspicious", report.flags), ("broken", report.problems)):
        for line in lines[:SHOWN]:
            console.print(f"{kind}: {line}", markup=False)
        if len(lines) > SHOWN:
            console.print(f"{kind}: and {len(lines) - SHOWN} more")


def main() -> None:
    """Inspect, print, draw."""
    parser = build_parser()
    args, rest = parser.parse_known_args()
    if rest:
        parser.check_known(rest)
        raise UsageError(f"unexpected {rest[0]}: give one dataset")
    for name in ("episodes", "frozen_frames"):
        if getattr(args, name) < 1:
            raise UsageError(f"--{name} {getattr(args, name)}: must be 1 or more")
    if args.out is not None and args.out.exists() and not args.out.is_dir():
        raise UsageError(f"--out {args.out}: a file. Give a folder")
    reader = formats.open_reader(args.dataset)
    interrupts.finish_first()
    report = inspection.inspect(reader, args.frozen_frames)
    show(report)
    if report.problems:
        raise RunError(f"{args.dataset} is broken: {report.problems[0]}")
    chosen = np.linspace(0, len(reader) - 1, min(args.episodes, len(reader))).round().astype(int)
    folder = args.out or reader.inspection_folder
    try:
        files = pictures.draw_all(reader, [reader.indices[i] for i in chosen], folder)
    except OSError as error:
        raise RunError(f"{folder}: cannot be written ({error.strerror}). Give another folder with --out") from error
    for file in files:
        print(file)


if __name__ == "__main__":
    run(main)
