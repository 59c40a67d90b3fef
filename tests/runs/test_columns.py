"""The columns of a shard: relevance in half precision, against the definition of float16."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.runs.columns import packed_rows


@pytest.mark.parametrize("size", [1e-30, 1e-8, 1.0, 1e6, 3e38])
def test_relevance_of_any_size_keeps_eleven_bits(size):
    rng = np.random.default_rng(0)
    x = (rng.uniform(-1, 1, (5, 8, 8)) * size).astype("f")
    x[:, 0] *= np.float32(2**-18)
    x[3] = 0
    packed, scale = packed_rows(x)
    assert packed.dtype == np.float16 and np.isfinite(packed).all()
    back = packed.astype("d") * scale[:, None, None]
    assert np.abs(back - x).max() <= 2**-11 * np.abs(x).max()
    near = np.abs(x) > 2**-28 * np.abs(x).max((1, 2), keepdims=True)
    assert (np.abs(back - x)[near] <= 2**-11 * np.abs(x)[near]).all()
    assert (np.log2(scale) == np.round(np.log2(scale))).all() and scale[3] == 1


def test_an_empty_map_has_a_scale():
    packed, scale = packed_rows(np.empty((2, 0), "f"))
    assert packed.shape == (2, 0) and scale.tolist() == [1, 1]
