"""Make a first network for train.py: it imitates a scripted expert. Go on with train.py --checkpoint OUT."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

from pathlib import Path

from isaaclab_datagen import registry
from isaaclab_datagen.cli import errors, launch, options
from isaaclab_datagen.cli.configuring import keep_cameras
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError
from isaaclab_datagen.experts import checkpoints, factory


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__)
    options.add_task(parser)
    options.add_agent(parser)
    group = parser.add_argument_group("imitation")
    group.add_argument("--expert", default="state_machine", metavar="NAME", help="who is imitated")
    group.add_argument("--rounds", type=options.positive_int, default=10, metavar="R", help="rollouts")
    group.add_argument("--steps", type=options.positive_int, default=260, metavar="T", help="steps of a rollout")
    group.add_argument("--out", type=Path, required=True, metavar="FILE", help="checkpoint to write")
    options.add_launcher(parser)
    parser.add_aliases(options.COMMON_ALIASES)
    return parser


def main() -> None:
    """Imitate and save."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    if args.expert not in task.experts:
        raise UsageError(
            f"--expert {args.expert}: choose from {', '.join(task.experts) or 'none: the task has no script'}"
        )
    env_cfg, agent_cfg = launch.resolve(args, overrides, args.agent)
    expert = factory.choose(task, args.expert, checkpoints.Wish(), env_cfg, agent_cfg)
    keep_cameras(env_cfg, [])
    with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
        from isaaclab_rl.rsl_rl import RslRlVecEnvWrapper
        from rsl_rl.runners import OnPolicyRunner

        from isaaclab_datagen.experts import imitation, rl_policy

        wrapped = RslRlVecEnvWrapper(env, clip_actions=agent_cfg.clip_actions)
        runner = OnPolicyRunner(wrapped, rl_policy.training_cfg(args.out, agent_cfg), None, str(env.device))
        cfg = imitation.ImitationCfg(rounds=args.rounds, steps=args.steps)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        for done in imitation.imitate(wrapped, runner, factory.build(expert, env), task.success_term or "", cfg):
            print(
                f"round {done.index}: action loss {done.loss:.4f}, value loss {done.value_loss:.4f}, "
                f"network's success {100 * done.successes:.0f} %",
                flush=True,
            )
            runner.save(str(args.out))
        print(f"wrote {args.out}")


if __name__ == "__main__":
    errors.run(main)
