"""Measure how often an expert succeeds: a fixed number of episodes for each environment, all of them counted."""

from isaaclab_datagen import registry
from isaaclab_datagen.cli import errors, evaluation, launch, options
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.experts import checkpoints, factory
from isaaclab_datagen.rollout.plans import EvaluationPlan


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__)
    options.add_task(parser)
    group = parser.add_argument_group("evaluation")
    group.add_argument("--episodes", type=options.positive_int, default=100, metavar="N", help="episodes to run")
    group.add_argument("--expert", metavar="NAME", help="state_machine, rl, random or zero (default: the task's)")
    options.add_checkpoint(parser)
    options.add_launcher(parser)
    parser.add_aliases(options.RL_ALIASES)
    return parser


def main() -> None:
    """Resolve, run, report."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    args.seed = args.seed or 0
    env_cfg, agent_cfg = launch.resolve(args, overrides, agent, play_mode=True)
    evaluation.configure(task, env_cfg)
    expert = factory.choose(task, args.expert, checkpoints.Wish.of(args), env_cfg, agent_cfg)
    plan = EvaluationPlan(args.episodes, env_cfg.scene.num_envs)
    with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
        steps = evaluation.evaluate(env, factory.build(expert, env, args.seed), plan)
        print(f"{task.id}, {expert.name}, seed {args.seed}, {env.num_envs} environments, {steps} steps: {plan.tally}")


if __name__ == "__main__":
    errors.run(main)
