"""Let policy A and policy B act by turns in every environment, until one of them fails, and record what both do."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

import sys

from isaaclab_datagen import registry
from isaaclab_datagen.cli import alternating, errors, interrupts, launch
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.evaluation.alternation import told


def build_parser(format_name: str | None = None) -> Parser:
    """Build the parser, with the options of the rollouts' format."""
    return alternating.build_parser(format_name)


def main() -> None:
    """Resolve, run, report."""
    parser = build_parser()
    words = parser.canonical(sys.argv[1:])
    first = parser.parse_known_args(words)[0]
    id_ = first.task or alternating.first_task(first.policy_A)
    format_name = launch.format_name([*words, "--task", id_])
    if format_name is None:
        raise UsageError("give --format: the task names none")
    parser = build_parser(format_name)
    parser.set_defaults(task=id_)
    args, overrides = launch.parse(parser, words)
    task = registry.find(args.task)
    policies = alternating.open_policies(args)
    env_cfg, _ = launch.resolve(args, overrides, play_mode=True)
    alternating.configure(args, overrides, task, env_cfg, policies)
    rollouts = alternating.Rollouts(args, overrides, env_cfg, policies, format_name)
    interrupts.undo_first(rollouts.discard)
    try:
        with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
            found = alternating.run(env, args, policies, rollouts)
            print(told(found))
            print(f"figures: {rollouts.finish(found, args.report)}")
    except BaseException:
        rollouts.discard()
        raise


if __name__ == "__main__":
    errors.run(main)
