"""Whatever the types and shapes, a packed row is the row."""

import numpy as np
import pytest
import torch

from isaaclab_datagen.datasets.rows import RowLayout
from isaaclab_datagen.datasets.shared_memory import SharedBuffers
from isaaclab_datagen.recorders.packing import Transfer, layout_of, pack, packed


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
        "transposed": torch.randn(4, n, generator=generator).T,
        "nothing": torch.zeros(n, 0),
    }


def on_the_host(values, ids, layout) -> np.ndarray:
    out = np.empty((len(ids), layout.size), np.uint8)
    pack(values, ids, layout, out)
    return out


def on_the_device(values, ids, layout) -> np.ndarray:
    return packed(values, ids, layout).numpy()


@pytest.mark.parametrize("path", [on_the_host, on_the_device])
@pytest.mark.parametrize("ids", [[0, 1, 2, 3], [2], [3, 0], [3, 2, 1, 0]])
def test_what_is_packed_comes_back_bit_for_bit(path, ids):
    values = batch(4)
    layout = layout_of(values)
    rows = path(values, ids, layout)
    assert rows.shape == (len(ids), layout.size)
    for row, index in zip(rows, ids, strict=True):
        back = layout.unpack(row)
        assert back.keys() == values.keys()
        for name, value in values.items():
            expected = value[index].numpy()
            assert (back[name].dtype, back[name].shape) == (expected.dtype, expected.shape)
            assert np.array_equal(back[name], expected), name
            assert back[name].flags.aligned


@pytest.mark.parametrize("path", [on_the_host, on_the_device])
def test_a_row_does_not_follow_what_the_simulator_does_next(path):
    values = batch(2)
    layout = layout_of(values)
    rows = path(values, [0, 1], layout)
    before = values["float"].clone()
    values["float"].zero_()
    assert np.array_equal(layout.unpack(rows[1])["float"], before[1].numpy())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_transfer_copies_what_was_there_when_it_started():
    buffers = SharedBuffers(1, 64)
    memory = buffers.take(64, RowLayout.of({"pixels": ((2**20,), np.dtype(np.uint8))})).data.reshape(-1)
    out = memory.reshape(64, 2**20)
    source = torch.zeros(64, 2**20, dtype=torch.uint8, device="cuda")
    transfer = Transfer(source.device, memory)
    assert transfer._pinned
    for step in range(50):
        source.fill_(step)
        values = {"pixels": source}
        transfer.start(packed(values, range(64), layout_of(values)), out)
        source.fill_(255)  # the next step
        transfer.wait()
        assert (out == step).all()
    transfer.close()
    source.fill_(7)
    assert int(torch.cuda.cudart().cudaHostRegister(memory.ctypes.data, memory.nbytes, 0)) == 0  # it was let go
    assert int(torch.cuda.cudart().cudaHostUnregister(memory.ctypes.data)) == 0


def test_a_single_channel_is_a_snapshot_too():
    values = {"state": torch.ones(3, 8, dtype=torch.uint8)}
    rows = packed(values, [0, 1, 2], layout_of(values))
    values["state"].zero_()
    assert rows.all()


def test_a_type_that_numpy_lacks_is_refused_by_name():
    with pytest.raises(ValueError, match="half is torch.bfloat16"):
        layout_of({"half": torch.zeros(2, 1, dtype=torch.bfloat16)})


def test_a_frame_has_the_layout_of_its_batch():
    values = batch(2)
    frame = {name: value[1].numpy() for name, value in values.items()}
    layout = RowLayout.of_frame(frame)
    assert layout == layout_of(values)
    row = np.empty(layout.size, np.uint8)
    layout.pack(frame, row)
    assert all(np.array_equal(back, frame[name]) for name, back in layout.unpack(row).items())


def test_unpacking_copies_nothing():
    layout = layout_of(batch(1))
    row = np.zeros(layout.size, dtype=np.uint8)
    assert all(np.shares_memory(value, row) for value in layout.unpack(row).values() if value.size)
