"""Measure how often an expert or a policy succeeds. Every episode that is started counts."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

from isaaclab_datagen import registry
from isaaclab_datagen.cli import errors, evaluation, launch
from isaaclab_datagen.cli.parser import Parser


def build_parser(argv: list[str] | None = None) -> Parser:
    """Build the parser, with the options of the task that ``argv`` names."""
    return evaluation.build_parser(argv)


def main() -> None:
    """Resolve, run, report, one network after the other."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    for run in evaluation.subjects(args, task):
        env_cfg, agent_cfg = launch.resolve(args, overrides, agent, play_mode=True)
        chosen = evaluation.choose(args, task, run, env_cfg, agent_cfg)
        evaluation.configure(args, overrides, task, env_cfg, chosen, run)
        with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
            score = evaluation.run(env, args, chosen)
            facts = {"task": task.id, "actor": chosen.name, "settings": chosen.settings, "overrides": overrides}
            evaluation.report(score, {**facts, "seed": args.seed, "num_envs": env.num_envs}, args.out)
            evaluation.show(score, args.by)
            print(f"{task.id}, {chosen.name}, seed {args.seed}, {env.num_envs} environments: {score}")


if __name__ == "__main__":
    errors.run(main)
