"""Watch a trained network act: in a viewer (--viz) or as a video (--video)."""

from pathlib import Path

from isaaclab_datagen import registry
from isaaclab_datagen.cli import errors, launch, options, playback, video
from isaaclab_datagen.cli.parser import Parser
from isaaclab_datagen.experts import checkpoints, rl_policy


def build_parser() -> Parser:
    """Build the parser."""
    parser = Parser(description=__doc__)
    options.add_task(parser)
    options.add_agent(parser)
    options.add_checkpoint(parser)
    group = parser.add_argument_group("playback")
    group.add_argument("--duration", type=options.positive_float, metavar="S", help="stop after so long [simulated s]")
    group.add_argument("--real-time", action="store_true", help="let a simulated second last a second")
    video.add_options(parser)
    options.add_launcher(parser)
    parser.add_aliases(options.RL_ALIASES)
    return parser


def main() -> None:
    """Resolve the network, play it, and say how its episodes ended."""
    parser = build_parser()
    args, overrides = launch.parse(parser)
    task = registry.find(args.task)
    env_cfg, agent_cfg = launch.resolve(args, video.select(args, overrides), args.agent, play_mode=True)
    checkpoint = checkpoints.resolve(checkpoints.Wish.of(args), task, env_cfg, agent_cfg)
    steps = video.prepare(env_cfg, args, Path("logs/rsl_rl") / agent_cfg.experiment_name, checkpoint.path)
    with launch.simulation(env_cfg, args), launch.environment(args.task, env_cfg) as env:
        actor = rl_policy.load(checkpoint.path, env, agent_cfg)
        print(playback.play(env, actor, task.success_term, playback.Pace(steps, args.real_time)))


if __name__ == "__main__":
    errors.run(main)
