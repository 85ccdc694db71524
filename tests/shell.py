"""Commands that documents show, and the parsers that they are for."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

from isaaclab_datagen.cli import launch, options
from isaaclab_datagen.cli.parser import Parser

SCRIPTS = Path(__file__).parents[1] / "scripts"
WITHOUT_TASK = ("inspect_data.py", "convert.py", "replay.py", "motion.py")
"""Scripts that take a dataset or a motion, which says the rest."""


def commands(text: str, kind: str = "") -> list[str]:
    """The commands of a document's blocks of ``bash``, and of a kind."""
    blocks = re.findall(rf"^```bash{kind}\n(.*?)^```", text, re.M | re.S)
    return [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def parser_of(script: str, words: list[str]) -> Parser:
    """The parser of a script that is given these words; some read them from ``sys.argv``."""
    if script.startswith("collect"):
        return options.collect_parser(launch.format_name(words), launch.task_options(words))
    return runpy.run_path(str(SCRIPTS / script))["build_parser"]()
