"""Pictures of a dataset: what its cameras saw, what its actor did, where things went."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from isaaclab_datagen.datasets.episode import Episode
from isaaclab_datagen.datasets.reader import DatasetReader

_CELL_WIDTH, _LABEL_WIDTH, _LINE = 160, 130, 16
_INK, _PAPER = "#1f2328", "#ffffff"
_ENDINGS = {True: ("success", "#1a7f37"), False: ("failed", "#b42318"), None: ("success unknown", _INK)}
_PATHS = {"root_pose": "root", "ee_pose": "end effector", "object_pose": "object", "goal": "goal"}


def draw_all(reader: DatasetReader, indices: Sequence[int], folder: Path) -> list[Path]:
    """Draw every picture.

    Args:
        reader: The dataset.
        indices: Episodes to show.
        folder: Where the files go; made if it is not there.

    Returns:
        The files, the contact sheet first; none where there are no cameras.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sheet, actions, paths = (folder / name for name in ("contact_sheet.png", "actions.png", "trajectories.png"))
    if reader.cameras:
        contact_sheet(reader, indices).save(sheet)
    _save(action_plot(reader, indices), actions)
    _save(trajectory_plot(reader, indices), paths)
    return [sheet, actions, paths] if reader.cameras else [actions, paths]


def contact_sheet(reader: DatasetReader, indices: Sequence[int], columns: int = 8) -> Image.Image:
    """A row for each episode and camera, frames spread evenly from the first to the last."""
    streams = [(index, camera) for index in indices for camera in reader.cameras]
    rows = [_strip(reader, index, camera, columns) for index, camera in streams]
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), _PAPER)
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    return sheet


def action_plot(reader: DatasetReader, indices: Sequence[int]) -> Figure:
    """Every action dimension over time, a line for each episode."""
    episodes = [reader.read(index, images=False) for index in indices]
    return _line_plots(
        [f"action {dimension}" for dimension in range(episodes[0].actions.shape[1])],
        {f"episode {index}": episode.actions for index, episode in zip(indices, episodes, strict=True)},
    )


def trajectory_plot(reader: DatasetReader, indices: Sequence[int]) -> Figure:
    """Positions [m] of end effector, object and goal over time: a row for x, y, z, a column for each episode."""
    episodes = [reader.read(index, images=False) for index in indices]
    figure = Figure(figsize=(1.5 + 3.2 * len(episodes), 6), layout="constrained")
    axes = figure.subplots(3, len(episodes), squeeze=False, sharex="col", sharey="row")
    for column, (index, episode) in enumerate(zip(indices, episodes, strict=True)):
        axes[0, column].set_title(f"episode {index}, {_ending(episode)}", fontsize=9)
        axes[2, column].set_xlabel("frame")
        for row, axis in enumerate("xyz"):
            axes[row, 0].set_ylabel(f"{axis} [m]")
            for name in _PATHS.keys() & episode.frames.keys():
                axes[row, column].plot(episode.frames[name][:, row], label=_PATHS[name], linewidth=1)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8)
    return figure


def _strip(reader: DatasetReader, index: int, camera: str, columns: int) -> Image.Image:
    """One row of a contact sheet."""
    episode = reader.read(index, images=False)
    stored = reader.stored(index)
    numbers = [stored[int(place)] for place in np.linspace(0, len(stored) - 1, columns).round()]
    images = [Image.fromarray(image) for image in reader.images(index, camera, numbers)]
    height = round(_CELL_WIDTH * images[0].height / images[0].width)
    strip = Image.new("RGB", (_LABEL_WIDTH + columns * _CELL_WIDTH, height + _LINE), _PAPER)
    pen, font = ImageDraw.Draw(strip), ImageFont.load_default(12)
    lines = [(f"episode {index}", _INK), (camera, _INK), _ending(episode), (f"{episode.num_steps} steps", _INK)]
    for line, (text, ink) in enumerate(lines):
        pen.text((4, _LINE * (1 + line)), text, fill=ink, font=font)
    for column, (number, image) in enumerate(zip(numbers, images, strict=True)):
        left = _LABEL_WIDTH + column * _CELL_WIDTH
        pen.text((left + 4, 1), f"frame {number}", fill=_INK, font=font)
        strip.paste(image.resize((_CELL_WIDTH, height)), (left, _LINE))
    return strip


def _line_plots(titles: Sequence[str], series: dict[str, np.ndarray]) -> Figure:
    """A row for each column of the arrays, a line for each array."""
    figure = Figure(figsize=(9, 1 + 1.2 * len(titles)), layout="constrained")
    axes = figure.subplots(len(titles), 1, squeeze=False, sharex=True)[:, 0]
    for dimension, (axis, title) in enumerate(zip(axes, titles, strict=True)):
        for label, values in series.items():
            axis.plot(values[:, dimension], label=label, linewidth=1)
        axis.set_ylabel(title, fontsize=8)
    axes[-1].set_xlabel("step")
    axes[0].legend(loc="upper right", fontsize=7)
    return figure


def _ending(episode: Episode) -> tuple[str, str]:
    """Text and colour."""
    text, colour = _ENDINGS[episode.outcome.success]
    return text if episode.outcome.success else f"{text}: {episode.outcome.reason}", colour


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure).print_png(path)
