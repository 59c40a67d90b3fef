"""Rows go in chunks that fit a budget, and no one can tell from the result."""

from __future__ import annotations

import numpy as np
import pytest
from nets import DIGITS, digits, network, node, relu_cnn

import onnxplain as ox
from onnxplain.engines.budget import CACHED, FEW, row_bytes, rows_that_fit
from onnxplain.engines.onnxruntime.compiled import CompiledEngine
from onnxplain.graph.runtime import Session

IMAGE = {"x": np.zeros((1, 3, 8, 8), "f")}


def test_row_bytes_count_the_values_and_the_widest_columns():
    conv = network([node("Conv", "x w", "y")], (1, 3, 8, 8), {"w": np.zeros((4, 3, 3, 3), "f")})
    assert row_bytes(ox.load(conv).canonical.graph) == 4 * (4 * 6 * 6 + 2 * min(3 * 64, 4 * 36) * 9)
    double = ox.Explainer(ox.load(conv, precision="float64"), "gradient").method.engine
    assert double.rows_that_fit(IMAGE) == 2**29 // (8 * (4 * 6 * 6 + 2 * min(3 * 64, 4 * 36) * 9))
    assert rows_that_fit(100, budget=1) == 1
    assert rows_that_fit(100, budget=500) == 5


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_a_size_that_the_file_leaves_open_is_that_of_the_rows(engine):
    """As many pictures go at once as of a file that states their size, whatever sizes came before."""
    weights = {"w": np.zeros((4, 3, 3, 3), "f"), "v": np.zeros((2, 4, 3, 3), "f")}
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Conv", "r v", "y", pads=[1] * 4)]

    def engine_of(shape):
        net = network(nodes, (1, *shape), weights)
        return ox.Explainer(ox.load(net, engine=engine, limits={"batch_bytes": 2**24}), "gradient").method.engine

    free = engine_of((3, "H", "W"))
    for sides in ((64, 64), (128, 96), (64, 64)):
        for rows in (1, 7):
            feeds = {"x": np.zeros((rows, 3, *sides), "f")}
            assert free.rows_that_fit(feeds) == engine_of((3, *sides)).rows_that_fit(feeds) > 1


@pytest.mark.parametrize("side", [16, 200])
def test_a_cpu_walks_as_many_rows_at_once_as_its_caches_take_and_a_few_of_large_ones(side):
    conv = network([node("Conv", "x w", "y")], ("N", 3, side, side), {"w": np.zeros((4, 3, 3, 3), "f")})
    one = row_bytes(ox.load(conv).canonical.graph)
    each = CACHED // one if side == 16 else FEW
    assert (CACHED // one > FEW) == (side == 16)

    def rows(**options):
        feeds = {"x": np.zeros((2, 3, side, side), "f")}
        return ox.Explainer(ox.load(conv, **options), "gradient").method.engine.rows_that_fit(feeds)

    assert [rows(threads=1), rows(threads=3)] == [each, 3 * each]
    assert rows(threads=3, limits={"batch_bytes": 2 * one}) == 2
    assert rows(threads=1, providers=["CPUExecutionProvider"]) == rows_that_fit(one)


def test_chunks_say_what_one_batch_says(monkeypatch):
    model = digits()
    whole = ox.explain(model, DIGITS, "lrp.epsilon", target=list(range(10)))
    monkeypatch.setattr(CompiledEngine, "rows_that_fit", lambda *_: 3)
    parts = ox.explain(model, DIGITS, "lrp.epsilon", target=list(range(10)))
    np.testing.assert_allclose(parts.attribution, whole.attribution, atol=2e-6 * np.abs(whole.attribution).max())
    np.testing.assert_array_equal(parts.target, whole.target)


@pytest.mark.parametrize("method", ["lrp.epsilon", "integrated_gradients", "occlusion", "grad_cam"])
def test_no_more_rows_walk_at_once_than_the_limit_takes(method, monkeypatch):
    one = row_bytes(digits().canonical.graph)
    model, most = digits(limits={"batch_bytes": 3.5 * one}), []
    run = Session.run

    def watch(session, names, feeds):
        most.append(max(len(each) for each in feeds.values()))
        return run(session, names, feeds)

    explainer = ox.Explainer(model, method)
    monkeypatch.setattr(Session, "run", watch)
    e = explainer(DIGITS[:8], target=1)
    assert max(most) == 3
    whole = ox.explain(digits(), DIGITS[:8], method, target=1)
    np.testing.assert_allclose(e.attribution, whole.attribution, atol=1e-5 * np.abs(whole.attribution).max())


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_file_with_a_fixed_batch_takes_any_number_of_rows(rows):
    """The file takes two rows, no more and no less; the last chunk is filled up and cut again."""
    model, x = relu_cnn()
    free = ox.load(relu_cnn()[0], precision="float64")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    fixed = ox.load(model, precision="float64")
    assert fixed.fixed_batch == 2
    x = np.concatenate([x, x[:2] / 2])[:rows]
    for method in ("lrp.epsilon", "deeplift"):
        a, b = (ox.explain(each, x, method, target=[i % 4 for i in range(rows)]) for each in (free, fixed))
        np.testing.assert_allclose(b.attribution, a.attribution, atol=1e-12)
