"""Test both policies by turns, finetune them on what they did, and again. The same command goes on where it stopped."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

from pathlib import Path

from isaaclab_datagen.cli import errors, interrupts, iterating
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.evaluation.iteration import Loop


def build_parser() -> Parser:
    """Build the parser."""
    return iterating.build_parser()


def main() -> None:
    """Read the variables, go on with the loop, show what it found."""
    parser = build_parser()
    args, rest = parser.parse_known_args()
    if rest:
        parser.check_known(rest)
        raise UsageError(f"unexpected {rest[0]}: the variables stand in the file")
    device = () if args.device is None else (f"--device={args.device}",)
    viz = () if args.viz is None else (f"--viz={args.viz}",)
    extra = {
        "alternate.py": (*device, *viz, *(args.alternate_args or ())),
        "learn.py": (*(() if args.learn_devices else device), *(args.learn_args or ())),
    }
    config = iterating.read_config(args.config)
    iterating.check(config)
    interrupts.finish_first()
    loop = Loop(config, iterating.runner(Path(__file__).parent), extra, args.learn_devices or ())
    try:
        ended = loop.run()
    finally:
        loop.close()
        if loop.results():
            iterating.draw(loop.results(), loop.folder / iterating.PICTURE)
            print(iterating.table(loop.results()))
    print(f"{ended}; {loop.folder / iterating.PICTURE}")


if __name__ == "__main__":
    errors.run(main)
