"""How long a policy takes to choose the actions of many environments, without a simulation.

The time of a step in which every environment plans (the slowest there can be), and the mean of a step when all plan
together and then execute what they planned. Images and states are random: they cost what real ones cost.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch

from isaaclab_datagen.policies.diffusion.planner import DiffusionPlanner
from isaaclab_datagen.rollout.wrappers import Chunks


def build_parser() -> argparse.ArgumentParser:
    """Build the parser."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", type=Path, metavar="POLICY", help="run, checkpoint or pretrained_model of learn.py")
    parser.add_argument("--num_envs", type=int, nargs="+", default=[1, 16, 64, 256], metavar="N", help="environments")
    parser.add_argument("--inference_steps", type=int, default=10, metavar="S", help="denoising steps")
    parser.add_argument("--rounds", type=int, default=10, metavar="R", help="plans that are timed; the median counts")
    return parser


def random_frame(planner: DiffusionPlanner, num_envs: int, device: str) -> dict[str, torch.Tensor]:
    """A frame as the recorder reads it."""
    signature = planner.signature
    height, width = signature.image_shape
    shape = (num_envs, height, width, 3)
    frame = {f"images/{c}": torch.randint(256, shape, dtype=torch.uint8, device=device) for c in signature.cameras}
    for part in signature.state.parts:
        count = len(part.names) if part.columns is None else 1 + max(part.columns)
        frame[part.channel] = torch.rand(num_envs, max(count, 9 if part.channel == "joint_pos" else 1), device=device)
    return frame


def measure(planner: DiffusionPlanner, num_envs: int, device: str, rounds: int) -> tuple[float, float]:
    """Seconds of a step that plans, and of a step on the average."""
    frame = random_frame(planner, num_envs, device)
    actor = Chunks(planner, lambda: frame, num_envs, device)
    plans, means = [], []
    for _ in range(rounds + 2):
        times = []
        for _ in range(planner.n_action_steps):
            began = time.perf_counter()
            actor.act({}).cpu()  # the simulation waits for it
            times.append(time.perf_counter() - began)
        plans.append(times[0])
        means.append(sum(times) / len(times))
    return sorted(plans[2:])[rounds // 2], sorted(means[2:])[rounds // 2]


def main() -> None:
    """Measure and print."""
    args = build_parser().parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    planner = DiffusionPlanner(args.policy, device, 0, args.inference_steps)
    parameters = sum(parameter.numel() for parameter in planner.policy.parameters())
    print(f"{parameters / 1e6:.1f} million parameters, {args.inference_steps} denoising steps, {device}")
    for num_envs in args.num_envs:
        plan, mean = measure(planner, num_envs, device, args.rounds)
        print(f"{num_envs:5d} environments: {1000 * plan:7.1f} ms to plan, {1000 * mean:7.1f} ms a step on the average")


if __name__ == "__main__":
    main()
