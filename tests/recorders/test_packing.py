"""Whatever the types and shapes, a packed row is the row."""

import threading

import numpy as np
import pytest
import torch

from isaaclab_datagen.recorders.packing import HostBuffers, Layout


def batch(n: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Odd sizes of every type, in an order that would misalign them."""
    generator = torch.Generator().manual_seed(seed)
    bytes_ = torch.randint(0, 256, (n, 5, 3, 4), generator=generator, dtype=torch.uint8)
    return {
        "flag": torch.rand(n, generator=generator) < 0.5,
        "image": bytes_[..., :3],
        "float": torch.randn(n, 7, generator=generator),
        "double": torch.randn(n, 3, generator=generator, dtype=torch.float64),
        "scalar": torch.randn(n, generator=generator),
        "long": torch.randint(-(2**60), 2**60, (n, 1), generator=generator),
        "half": torch.randn(n, 3, generator=generator).half(),
        "short": torch.randint(-(2**15), 2**15, (n, 3), generator=generator, dtype=torch.int16),
        "int": torch.randint(-(2**30), 2**30, (n, 2, 2), generator=generator, dtype=torch.int32),
        "expanded": torch.randn(1, 3, generator=generator).expand(n, 3),
        "nothing": torch.zeros(n, 0),
    }


@pytest.mark.parametrize("ids", [[0, 1, 2, 3], [2], [3, 0]])
def test_what_is_packed_comes_back_bit_for_bit(ids):
    values = batch(4)
    layout = Layout(values)
    out = torch.empty(len(ids), layout.size, dtype=torch.uint8)
    layout.pack(values, torch.tensor(ids), out)
    for row, index in enumerate(ids):
        back = layout.unpack(out.numpy()[row])
        assert back.keys() == values.keys()
        for name, value in values.items():
            expected = value[index].numpy()
            assert (back[name].dtype, back[name].shape) == (expected.dtype, expected.shape)
            assert np.array_equal(back[name], expected), name
            assert back[name].flags.aligned


def test_a_type_that_numpy_lacks_is_refused_by_name():
    with pytest.raises(ValueError, match="half is torch.bfloat16"):
        Layout({"half": torch.zeros(2, 1, dtype=torch.bfloat16)})


def test_a_row_does_not_follow_what_the_simulator_does_next():
    values = batch(2)
    layout = Layout(values)
    out = torch.empty(2, layout.size, dtype=torch.uint8)
    layout.pack(values, torch.arange(2), out)
    before = values["float"].clone()
    values["float"].zero_()
    assert np.array_equal(layout.unpack(out.numpy()[1])["float"], before[1].numpy())


def test_unpacking_copies_nothing():
    layout = Layout(batch(1))
    row = np.zeros(layout.size, dtype=np.uint8)
    assert all(np.shares_memory(value, row) for value in layout.unpack(row).values() if value.size)


def test_taking_a_buffer_waits_until_one_is_free():
    buffers = HostBuffers(2, rows=3, size=5, pinned=False)
    held = [buffers.take(), buffers.take()]
    assert held[0].shape == (3, 5)
    taken = threading.Event()
    thread = threading.Thread(target=lambda: (buffers.take(), taken.set()))
    thread.start()
    assert not taken.wait(0.05)
    buffers.give_back(held[0])
    assert taken.wait(5)
    thread.join()
