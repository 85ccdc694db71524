"""Train LeRobot's Diffusion Policy on a dataset, or finetune one. The same command goes on where it was stopped."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

from isaaclab_datagen.cli import errors, interrupts, learning
from isaaclab_datagen.cli.parser import Parser


def build_parser() -> Parser:
    """Build the parser."""
    return learning.build_parser()


def main() -> None:
    """Read the options, train, and say where the policy lies."""
    options = learning.parse(build_parser())
    learning.require_lerobot("learn.py")
    from isaaclab_datagen.training.loop import train  # takes seconds, and the extra: not for --help

    interrupts.finish_first()
    print(f"policy: {train(options) / 'pretrained_model'}")


if __name__ == "__main__":
    errors.run(main)
