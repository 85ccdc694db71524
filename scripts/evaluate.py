"""Measure how often an expert succeeds: a fixed number of episodes for each environment, all of them counted."""

from isaaclab_datagen import registry
from isaaclab_datagen.cli import errors, evaluation, launch, options
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.experts import checkpoints, factory
from isaaclab_datagen.rollout.plans import EvaluationPlan


def build_parser(argv: list[str] | None = None) -> Parser:
    """Build the parser, with the options of the task that ``argv`` names."""
    parser = Parser(description=__doc__)
    options.add_task(parser)
    group = parser.add_argument_group("evaluation")
    group.add_argument("--episodes", type=options.positive_int, default=100, metavar="N", help="episodes to run")
    group.add_argument("--expert", metavar="NAME", help="state_machine, rl, random or zero (default: the task's)")
    group.add_argument("--by", metavar="FACT", help="a table by what is said of an episode, such as action_delay")
    options.add_checkpoint(parser)
    options.add_policy_paths(parser)
    own = launch.task_options(argv)
    if own is not None:
        own.add_options(parser.add_argument_group("task's own options"))
    options.add_launcher(parser)
    parser.add_aliases(options.RL_ALIASES)
    return parser


def main() -> None:
    """Resolve, run, report, one network after the other."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    args.seed = args.seed or 0
    for run in evaluation.subjects(args, task):
        env_cfg, agent_cfg = launch.resolve(args, overrides, agent, play_mode=True)
        evaluation.configure(args, task, env_cfg, run)
        wish = checkpoints.Wish.of(args) if run is None else checkpoints.Wish(str(run.checkpoint))
        expert = factory.choose(task, args.expert, wish, env_cfg, agent_cfg)
        plan = EvaluationPlan(args.episodes, env_cfg.scene.num_envs, args.by)
        with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
            steps = evaluation.evaluate(env, factory.build(expert, env, args.seed), plan)
            evaluation.show(plan)
            name = expert.name if run is None else run.name
            print(f"{task.id}, {name}, seed {args.seed}, {env.num_envs} environments, {steps} steps: {plan.tally}")


if __name__ == "__main__":
    errors.run(main)
