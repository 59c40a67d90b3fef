"""SHAPE: <A x, g> = <x, Aᵀ g> in float64, with A x by onnx.reference, over shapes and attributes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one import backward, check_transpose, one
from onnx import TensorProto

from onnxplain.ops import Family, standard_ops

FEW = settings(max_examples=50, deadline=None)
SHAPE = (3, 4, 5)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def ints(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize("op", ["Identity", "Flatten"])
def test_same_elements(op):
    check_transpose(one(op, normal(*SHAPE)))


def test_casts():
    check_transpose(one("Cast", normal(2, 3), to=TensorProto.DOUBLE))
    check_transpose(one("CastLike", normal(2, 3), normal(1)))


def test_new_shapes():
    check_transpose(one("Reshape", normal(*SHAPE), ints(0, -1)))
    check_transpose(one("Squeeze", normal(3, 1, 4, 1), ints(1, -1)))
    check_transpose(one("Squeeze", normal(3, 1, 4, 1)))
    check_transpose(one("Unsqueeze", normal(3, 4), ints(0, -1)))
    check_transpose(one("Expand", normal(3, 1, 5), ints(2, 1, 4, 1)))


@FEW
@given(st.permutations(range(4)))
def test_transpose(perm):
    check_transpose(one("Transpose", normal(2, 3, 4, 5), perm=perm))


def test_transpose_without_perm():
    check_transpose(one("Transpose", normal(2, 3, 4)))


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_and_space(mode):
    check_transpose(one("DepthToSpace", normal(2, 8, 3, 4), blocksize=2, mode=mode))
    check_transpose(one("SpaceToDepth", normal(2, 3, 4, 6), blocksize=2))


@FEW
@given(st.integers(-3, 2), st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(1, 15))
def test_concat_with_constants_between(axis, sizes, mask):
    parts = [normal(*(n if a == axis % 3 else s for a, s in enumerate(SHAPE)), seed=n) for n in sizes]
    active = tuple(i for i in range(len(parts)) if mask >> i & 1) or (0,)
    check_transpose(one("Concat", *parts, active=active, axis=axis))


BOUND = st.integers(-8, 8) | st.sampled_from([-(2**63), 2**63 - 1])


@FEW
@given(st.data())
def test_slice(data):
    axes = data.draw(st.lists(st.integers(-3, 2), max_size=3, min_size=1, unique_by=lambda a: a % 3))
    n = len(axes)
    starts, ends = (data.draw(st.lists(BOUND, min_size=n, max_size=n)) for _ in range(2))
    steps = data.draw(st.lists(st.sampled_from([-3, -2, -1, 1, 2, 3]), min_size=n, max_size=n))
    keys = [slice(None)] * 3
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        keys[axis] = slice(max(start, -(2**62)), max(end, -(2**62)), step)
    x = normal(*SHAPE)
    case = one("Slice", x, ints(*starts), ints(*ends), ints(*axes), ints(*steps))
    if 0 in x[tuple(keys)].shape:
        return
    np.testing.assert_array_equal(case.runtime()[0], x[tuple(keys)].astype(np.float32))
    check_transpose(case, lambda x: x[tuple(keys)])


def test_slice_without_axes_and_steps():
    check_transpose(one("Slice", normal(*SHAPE), ints(1, 0, -2), ints(9, -1, 5)))


@FEW
@given(st.sampled_from(["constant", "reflect", "edge", "wrap"]), st.data())
def test_pad(mode, data):
    axes = data.draw(st.lists(st.integers(-3, 2), max_size=3, min_size=1, unique_by=lambda a: a % 3))
    pads = data.draw(st.lists(st.integers(0, 2), min_size=2 * len(axes), max_size=2 * len(axes)))
    check_transpose(one("Pad", normal(*SHAPE), ints(*pads), None, ints(*axes), mode=mode))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("pads", [(0, 0, -1, 0, 0, -1), (0, -1, 0, 0, 2, 0), (0, 1, -2, 0, -1, 0)])
def test_negative_pads(mode, pads):
    """By onnxruntime: the reference does not crop."""
    x = normal(*SHAPE)
    case = one("Pad", x, ints(*pads), mode=mode, opset=21)
    y = case.runtime()[0]
    identity = np.eye(x.size, dtype=np.float32).reshape(-1, *SHAPE)
    columns = np.stack([case.runtime(e)[0] for e in identity])  # the matrix of the node, column by column
    g = normal(*y.shape)
    (answer,) = backward(case.site(y, x), g)
    np.testing.assert_allclose(answer.ravel(), (columns * g).reshape(x.size, -1).sum(1), atol=1e-12)


@FEW
@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.permutations(range(3)))
def test_centre_crop_pad(sizes, order):
    axes = order[: len(sizes)]
    check_transpose(one("CenterCropPad", normal(*SHAPE), ints(*sizes), axes=axes))


@FEW
@given(st.lists(st.integers(1, 3), min_size=3, max_size=3))
def test_tile(repeats):
    check_transpose(one("Tile", normal(*SHAPE), ints(*repeats)))


@FEW
@given(st.integers(-3, 2), st.sampled_from([(), (4,), (2, 3)]), st.integers(0, 99))
def test_gather(axis, shape, seed):
    n = SHAPE[axis]
    indices = np.random.default_rng(seed).integers(-n, n, size=shape)
    check_transpose(one("Gather", normal(*SHAPE), indices, axis=axis))


@FEW
@given(st.integers(-3, 2), st.integers(0, 99))
def test_gather_elements(axis, seed):
    n = SHAPE[axis]
    shape = tuple(6 if a == axis % 3 else s for a, s in enumerate(SHAPE))
    indices = np.random.default_rng(seed).integers(-n, n, size=shape)
    case = one("GatherElements", normal(*SHAPE), indices, axis=axis)
    check_transpose(case, lambda x: np.take_along_axis(x, indices, axis))


@FEW
@given(st.integers(0, 2), st.integers(1, 3), st.integers(0, 99))
def test_gather_nd(batch, depth, seed):
    depth = min(depth, 3 - batch)
    rng = np.random.default_rng(seed)
    columns = [rng.integers(-SHAPE[batch + k], SHAPE[batch + k], size=(*SHAPE[:batch], 2)) for k in range(depth)]
    indices = np.stack(columns, -1)
    # the reference forgets the batch where an index is negative
    indices = np.where(indices < 0, indices + np.array(SHAPE[batch : batch + depth]), indices) if batch else indices
    check_transpose(one("GatherND", normal(*SHAPE), indices, batch_dims=batch))


@pytest.mark.parametrize("op", ["Gather", "GatherElements", "GatherND"])
def test_indices_that_the_graph_computes(op):
    case = one(op, normal(*SHAPE), np.zeros((2, 1, 1), np.int64), active=(0, 1))
    case.bound(problems := [])
    assert "computed from the explained input" in problems[0]
    assert standard_ops()[op].runtime == (1,)


@pytest.mark.parametrize("active", [(1,), (2,), (1, 2)])
def test_where(active):
    condition = normal(3, 1) > 0
    check_transpose(one("Where", condition, normal(3, 4), normal(4), active=active))


@FEW
@given(st.sampled_from(["none", "add"]), st.integers(-2, 1), st.sampled_from([(0,), (2,), (0, 2)]), st.integers(0, 99))
def test_scatter_elements(reduction, axis, active, seed):
    rng = np.random.default_rng(seed)
    indices = np.argsort(rng.normal(size=(4, 5)), axis)  # no index twice: "none" would leave the order open
    indices = indices[:3] if axis % 2 == 0 else indices[:, :3]
    case = one(
        "ScatterElements", normal(4, 5), indices, normal(*indices.shape), active=active, axis=axis, reduction=reduction
    )
    check_transpose(case)


@FEW
@given(st.sampled_from(["none", "add"]), st.integers(1, 3), st.sampled_from([(0,), (2,), (0, 2)]), st.integers(0, 99))
def test_scatter_nd(reduction, depth, active, seed):
    flat = np.random.default_rng(seed).permutation(np.prod(SHAPE[:depth]))[:3]
    indices = np.stack(np.unravel_index(flat, SHAPE[:depth]), -1)
    updates = normal(3, *SHAPE[depth:])
    check_transpose(one("ScatterND", normal(*SHAPE), indices, updates, active=active, reduction=reduction))


def test_max_unpool():
    """By onnxruntime: each element stands at its flat position among zeros."""
    places = np.array([[[[5, 0], [13, 11]], [[21, 16], [24, 31]]]])
    x = normal(*places.shape)
    case = one("MaxUnpool", x, places, kernel_shape=[2, 2], strides=[2, 2])
    y = case.runtime()[0]
    g = normal(*y.shape, seed=1)
    (answer,) = backward(case.site(y, x), g)
    np.testing.assert_array_equal(answer, g.ravel()[places])
    np.testing.assert_allclose((answer * x).sum(), (g * y).sum(), rtol=1e-6)


@pytest.mark.parametrize("axis", [None, 0, -2])
def test_compress(axis):
    given_axis = {} if axis is None else {"axis": axis}
    check_transpose(one("Compress", normal(*SHAPE), np.array([True, False, True]), **given_axis))


@pytest.mark.parametrize(("upper", "k"), [(0, 0), (1, 0), (0, -1), (1, 2)])
def test_trilu(upper, k):
    check_transpose(one("Trilu", normal(2, 4, 5), np.array(k), upper=upper))


@pytest.mark.parametrize(("time", "batch"), [(0, 1), (1, 0)])
def test_reverse_sequence(time, batch):
    case = one("ReverseSequence", normal(4, 4, 3), ints(1, 3, 4, 2), time_axis=time, batch_axis=batch)
    check_transpose(case)


def test_every_member_of_the_family_is_here():
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123
        text = file.read()
    assert [op.name for op in standard_ops().values() if op.family is Family.SHAPE and f'"{op.name}"' not in text] == []
