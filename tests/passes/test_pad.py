"""fold_pad: a Pad with zeros is gone where its user can pad, and stays elsewhere. pad_axes: a Pad names no axes."""

import numpy as np
import onnx_graphsurgeon as gs
import pytest
from passes.same import model, ops, random_feeds, reference, run, same
from passes.test_fold import X, Y, weights

from onnxplain.passes.fold_pad import fold_pad
from onnxplain.passes.pad_axes import pad_axes

PADS = np.array([0, 0, 1, 0, 0, 0, 2, 1])


@pytest.mark.parametrize(
    ("node", "w"),
    [
        ("Conv <pads = [1,0,0,1]> (p, w)", (6, 4, 3, 3)),
        ('Conv <auto_pad = "VALID", group = 2> (p, w)', (6, 2, 3, 3)),
    ],
)
def test_zeros_go_into_a_conv(node, w):
    proto = model(f"({X}) => ({Y}) {{ p = Pad(x, pads)\n y = {node} }}", pads=PADS, **weights(w=w))
    graph, changed = same(proto, fold_pad)
    assert (changed, ops(graph)) == (1, ["Conv"])


def test_axes_of_a_pad_count():
    proto = model(
        f"({X}) => ({Y}) {{ p = Pad(x, pads, , axes)\n y = Conv(p, w) }}",
        pads=np.array([1, 0, 2, 3]),
        axes=np.array([-1, 2]),
        **weights(w=(6, 4, 3, 3)),
    )
    graph, _ = same(proto, fold_pad)
    assert list(graph.nodes[0].attrs["pads"]) == [0, 1, 3, 2]


def test_zeros_go_into_an_average_pool_that_counts_them():
    pool = "AveragePool <kernel_shape = [3,3], strides = [2,2]{}> (p)"
    text = f"({X}) => ({Y}) {{{{ p = Pad(x, pads)\n y = {pool} }}}}"
    graph, changed = same(model(text.format(""), pads=PADS), fold_pad)
    assert (changed, ops(graph)) == (1, ["AveragePool"])
    for more in (", ceil_mode = 1", ", pads = [1,1,1,1]"):
        assert same(model(text.format(more), pads=PADS), fold_pad)[1] == 0


@pytest.mark.parametrize(
    ("pad", "behind"),
    [
        ("Pad(x, pads, value)", "Conv(p, w)"),
        ('Pad<mode = "edge">(x, pads)', "Conv(p, w)"),
        ("Pad(x, across)", "Conv(p, v)"),
        ("Pad(x, pads)", "MaxPool<kernel_shape = [3,3]>(p)"),
        ("Pad(x, pads)", 'Conv<auto_pad = "SAME_UPPER">(p, w)'),
        ("Pad(x, cut)", "Conv(p, w)"),
    ],
)
def test_other_pads_stay(pad, behind):
    proto = model(
        f"({X}) => ({Y}) {{ p = {pad}\n y = {behind} }}",
        pads=PADS,
        across=np.array([0, 1, 0, 0, 0, 0, 0, 0]),
        cut=np.array([0, 0, 1, 0, 0, 0, -1, 0]),
        value=np.array(1.0, "f"),
        **weights(w=(6, 4, 3, 3), v=(6, 5, 3, 3)),
    )
    assert same(proto, fold_pad)[1] == 0


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect"])
def test_a_pad_names_no_axes(mode):
    """Between two Transposes a Pad that names its axes does not run on onnxruntime, so the reference is onnx's."""
    proto = model(
        f"""({X}) => (float[N, a, b, c] y) {{ t = Transpose<perm = [0, 2, 3, 1]>(x)
        p = Pad<mode = "{mode}">(t, pads, value, axes)  y = Transpose<perm = [0, 3, 1, 2]>(p) }}""",
        pads=np.array([2, 1, 0, 3]),
        axes=np.array([2, -1]),
        value=np.array(1.5, "f"),
    )
    graph, changed = same(proto, pad_axes, runner=reference)
    pad = next(node for node in graph.nodes if node.op == "Pad")
    assert (changed, len(pad.inputs), pad.inputs[1].values.tolist()) == (1, 3, [0, 0, 2, 1, 0, 0, 0, 3])
    feeds = random_feeds(proto)
    np.testing.assert_array_equal(run(gs.export_onnx(graph), feeds)[0], reference(proto, feeds)[0])
