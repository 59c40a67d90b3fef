"""Sizes of batches and shards, where nobody states them."""

import pytest
from nets import digits, network, node

import onnxplain as ox
from onnxplain.runs.job import Asked
from onnxplain.runs.sizes import batch_for, sized


def of(*row):
    return ox.load(network([node("Relu", "x", "y")], (1, *row), {}), parity="never")


@pytest.mark.parametrize(
    ("row", "batch"),
    [((13,), 256), ((3, 224, 224), 16), ((1, 160, 160), 128), ((3, 512, 512), 4), ((3, 1500, 1500), 1), (("T",), 16)],
)
def test_a_batch_has_as_many_rows_as_16_mib_of_the_input_hold(row, batch):
    assert batch_for(of(*row)) == batch


def test_what_was_given_is_kept():
    model = digits()
    assert (sized(Asked(), model).batch_size, sized(Asked(), model).shard_size) == (256, 4096)
    assert (sized(Asked(batch_size=2), model).batch_size, sized(Asked(batch_size=2), model).shard_size) == (2, 256)
    assert (sized(Asked(shard_size=7), model).batch_size, sized(Asked(shard_size=7), model).shard_size) == (256, 7)
