"""Let an expert or a policy act and write its episodes as a dataset. The same command goes on where it was stopped."""

import signal
import sys

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, collection, errors, evaluation, launch, options
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError


def build_parser(argv: list[str] | None = None) -> Parser:
    """Build the parser, with the options of the format that ``argv`` asks for."""
    return options.collect_parser(launch.format_name(argv))


def main() -> None:
    """Resolve, open the dataset, record."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    if args.policy is None:
        overrides = [*task.collect_overrides, *overrides]
    format_name = args.format or task.default_format
    if format_name is None:
        raise UsageError("give --format: the task names none")
    agent = "rsl_rl_cfg_entry_point" if task.rsl_rl_cfg_entry_point else None
    env_cfg, agent_cfg = launch.resolve(args, overrides, agent, play_mode=True)
    actor = actors.choose(args, task, env_cfg, agent_cfg)
    if isinstance(actor, actors.Policy):
        evaluation.configure_policy(args, overrides, task, env_cfg, actor.signature.cameras)
    else:
        collection.configure(args, overrides, task, env_cfg)
    writer = collection.open_writer(args, overrides, env_cfg, actor, format_name)
    plan = collection.plan(args, writer.committed, env_cfg.scene.num_envs)
    if plan.done:
        writer.close()
        print(f"{args.out} holds {plan.kept} episodes already, {plan.target} were asked for: nothing to do")
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
        try:
            print(collection.record(env, actors.build_recorded(actor, env, env_cfg.seed), writer, plan))
        except KeyboardInterrupt:
            print(f"\nstopped; {len(writer.committed)} episodes are whole. The same command goes on", file=sys.stderr)
            raise


if __name__ == "__main__":
    errors.run(main)
