from __future__ import annotations

import numpy as np
from dataset_fakes import FAILURE, SUCCESS, open_writer, random_frames, write_episode
from PIL import Image

from isaaclab_datagen.datasets import formats, pictures


def test_pictures_show_the_chosen_episodes(tmp_path):
    writer = open_writer(tmp_path)
    rng = np.random.default_rng(0)
    for index, outcome in enumerate([SUCCESS, FAILURE, SUCCESS]):
        write_episode(writer, index, random_frames(rng, steps=3 + index, size=(48, 64)), outcome)
    writer.close()
    reader = formats.open_reader(tmp_path)
    files = pictures.draw_all(reader, [0, 2], tmp_path / "deeper" / "pictures")
    assert [file.name for file in files] == ["contact_sheet.png", "actions.png", "trajectories.png"]
    for file in files:
        Image.open(file).load()
    sheet = np.array(Image.open(files[0]))
    assert sheet.shape[0] == 2 * 2 * (120 + 16)  # two episodes, two cameras
    assert pictures.trajectory_plot(reader, [0, 1, 2]).axes[4].lines[0].get_ydata().shape == (5,)


def test_the_contact_sheet_begins_with_the_first_frame_and_ends_with_the_goal_frame(tmp_path):
    frames = random_frames(np.random.default_rng(0), steps=9, cameras=["overhead"], size=(120, 160))
    writer = open_writer(tmp_path, cameras=["overhead"])
    write_episode(writer, 0, frames)
    writer.close()
    sheet = np.array(pictures.contact_sheet(formats.open_reader(tmp_path), [0], columns=4))
    np.testing.assert_array_equal(sheet[16:136, 130:290], frames[0]["images/overhead"])
    np.testing.assert_array_equal(sheet[16:136, -160:], frames[9]["images/overhead"])
