"""Watch a trained network, or a learned policy, act: in a viewer (--viz) or as a video (--video)."""

if __name__ == "__main__":
    from isaaclab_datagen.cli.interrupts import quit_at_once

    quit_at_once()

from functools import partial
from pathlib import Path

from isaaclab_datagen import registry
from isaaclab_datagen.cli import actors, configuring, errors, launch, options, playback, video
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.experts import checkpoints, rl_policy


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__)
    options.add_task(parser)
    options.add_agent(parser)
    options.add_checkpoint(parser)
    options.add_policy(parser)
    options.add_cameras(parser)
    group = parser.add_argument_group("playback")
    group.add_argument("--duration", type=options.positive_float, metavar="S", help="stop after so long [simulated s]")
    group.add_argument("--real-time", action="store_true", help="let a simulated second last a second")
    video.add_options(parser)
    options.add_launcher(parser)
    parser.add_aliases(options.RL_ALIASES)
    return parser


def main() -> None:
    """Resolve who acts, play, and say how the episodes ended."""
    args, overrides = launch.parse(build_parser())
    task = registry.find(args.task)
    actors.check_one(args)
    args.agent, args.max_steps = None if args.policy else args.agent, None
    env_cfg, agent_cfg = launch.resolve(args, video.select(args, overrides), args.agent, play_mode=True)
    if args.policy is None:
        path = checkpoints.resolve(checkpoints.Wish.of(args), task, env_cfg, agent_cfg).path
        steps = video.prepare(env_cfg, args, Path("logs/rsl_rl") / agent_cfg.experiment_name, path)
        load = partial(rl_policy.load, path, agent_cfg=agent_cfg)
    else:
        policy = actors.open_policy(args.policy, args.inference_steps)
        actors.check_direction(policy, env_cfg)
        configuring.configure_policy(args, overrides, task, env_cfg, policy.signature.cameras)
        steps = video.prepare(env_cfg, args, Path("logs/policy"), args.policy)
        load = partial(actors.build_recorded, policy, seed=args.seed or 0)
    with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
        actor = load(env)
        print(playback.play(env, actor, task.success_term, playback.Pace(steps, args.real_time)))


if __name__ == "__main__":
    errors.run(main)
