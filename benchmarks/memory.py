"""Measure the memory of a collection, all of its processes together, from its tenth episode to its last.

Takes the options of scripts/collect.py and runs it; for instance

    benchmarks/memory.py --task Open-Drawer-Custom --expert rl --num_envs 8 --episodes 200 --out /tmp/drawer

What several processes share counts once, and libraries do not count: other programs on the machine map them too. Needs
Linux.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from isaaclab_datagen.cli import options
from isaaclab_datagen.datasets import formats
from isaaclab_datagen.errors import RunError, UsageError

SCRIPT = Path(__file__).parents[1] / "scripts" / "collect.py"
PERIOD = 1.0
"""Seconds between two looks."""
SETTLED = 10
"""Episodes after which memory is not to grow any more."""
MB = 1e6


def memory(process: psutil.Process) -> float:
    """Of a process and all that it has started [bytes]: what they have written, and what they share."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            lines = Path(f"/proc/{one.pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue  # it has just ended
        total += sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    return total * 1024


def episodes(out: Path) -> int:
    """How many are committed."""
    try:
        return len(formats.open_reader(out).indices)
    except (RunError, UsageError):
        return 0  # there is no dataset yet


def main() -> None:
    """Run the collection, look now and then, print."""
    words = sys.argv[1:]
    out = options.peek(words, "--out")
    if not words or out is None or {"-h", "--help"} & set(words):
        sys.exit(f"{__doc__}\n--out is needed.")
    collection = subprocess.Popen([sys.executable, str(SCRIPT), *words])
    seen: list[tuple[int, float]] = []
    while collection.poll() is None:
        seen.append((episodes(Path(out)), memory(psutil.Process(collection.pid))))
        time.sleep(PERIOD)
    settled = [size for count, size in seen if count >= SETTLED]
    if collection.returncode or not settled:
        sys.exit(f"the collection ended with status {collection.returncode} after {seen[-1][0]} episodes")
    first, most = settled[0] / MB, max(settled) / MB
    print(f"{episodes(Path(out))} episodes: {first:.0f} MB after the tenth, {most:.0f} MB at most later")


if __name__ == "__main__":
    main()
