"""Measure how often an expert or a policy succeeds. Every episode that is started counts."""

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, errors, evaluation, launch
from isaaclab_datagen.cli.parser import Parser


def build_parser() -> Parser:
    """Build the parser."""
    return evaluation.build_parser()


def main() -> None:
    """Resolve, run, report."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    args.seed = evaluation.SEED if args.seed is None else args.seed
    env_cfg, agent_cfg = launch.resolve(args, overrides, agent, play_mode=True)
    chosen = actors.choose(args, task, env_cfg, agent_cfg)
    evaluation.configure(args, overrides, task, env_cfg, chosen)
    with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
        score = evaluation.run(env, args, chosen)
        facts = {"task": task.id, "actor": chosen.name, "seed": args.seed, "num_envs": env.num_envs}
        evaluation.report(score, {**facts, "settings": chosen.settings}, args.out)
        print(f"{task.id}, {chosen.name}, seed {args.seed}, {env.num_envs} environments: {score}")


if __name__ == "__main__":
    errors.run(main)
