"""The README is one screen that names whatever is registered, and no link of the documents leads nowhere."""

import re
from pathlib import Path

import pytest
from isaaclab.cli import load_external_tasks

from isaaclab_datagen import registry
from isaaclab_datagen.datasets import formats

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md")), ROOT / "docker" / "README.md"]


def anchors(document: Path) -> set[str]:
    """Anchors of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_one_screen():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 60


def test_the_readme_names_every_task_and_format():
    load_external_tasks()
    text = README.read_text(encoding="utf-8")
    missing = [name for name in (*registry.all_tasks(), *formats.names()) if f"`{name}`" not in text]
    assert not missing
