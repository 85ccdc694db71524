"""Let an expert or a policy act and write its episodes as a dataset. The same command goes on where it was stopped."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

import signal

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, collection, errors, jobs, launch, options
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.errors import UsageError


def build_parser(argv: list[str] | None = None) -> Parser:
    """Build the parser, with the options of the format and of the task that ``argv`` asks for."""
    return options.collect_parser(launch.format_name(argv), launch.task_options(argv))


def main() -> None:
    """Resolve, then open the dataset and record, for one actor after the other."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    format_name = args.format or task.default_format
    if format_name is None:
        raise UsageError("give --format: the task names none")
    made = jobs.jobs(args, overrides, task, format_name)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    whole = collection.identity(args, made, format_name)
    for job in made:
        with collection.opened(args, whole, job, format_name) as writer:
            plan = collection.plan(args, writer.committed, job.env_cfg.scene.num_envs, job.share)
            if plan.done:
                writer.close()
                print(f"{args.out} holds {plan.kept} episodes already, {plan.target} were asked for: nothing to do")
                continue
            with launch.simulation(job.env_cfg, args), launch.environment(args.task, job.env_cfg) as env:
                try:
                    actor = actors.build_recorded(job.actor, env, job.env_cfg.seed)
                    print(collection.record(env, actor, writer, plan, job.facts))
                except KeyboardInterrupt:
                    text = f"\nstopped; {len(writer.committed)} episodes are whole. The same command goes on"
                    raise KeyboardInterrupt(text) from None


if __name__ == "__main__":
    errors.run(main)
