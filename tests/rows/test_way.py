"""Which axes hold the rows of several inputs does not depend on the order in which they are named."""

import numpy as np
import pytest
from onnx.parser import parse_model

import onnxplain as ox
from onnxplain.errors import UnsupportedModelError

NET = """<ir_version: 9, opset_import: ["" : 17]>
    g (float[{image}] image, float[{table}] table) => (float[{scores}] scores)
    <int64[2] flat = {{1, -1}}, int64[{axes}] out = {{{scores}}}, float[14, 3] w = {{{w}}}> {{
        a = Reshape(image, flat)
        b = Reshape(table, flat)
        x = Concat<axis = 1>(a, b)
        y = MatMul(x, w)
        scores = Reshape(y, out)
    }}"""
WEIGHTS = np.random.default_rng(0).normal(size=(14, 3)).astype("f")


@pytest.mark.parametrize("order", [["image", "table"], ["table", "image"]])
@pytest.mark.parametrize(
    ("image", "table", "scores"),
    [
        ("3,2,2", "2", "3"),  # as many channels as scores: by itself the picture might be three rows
        ("3,2,2", "1,2", "3"),
        ("3,2,2", "1,2", "1,3"),
        ("1,3,2,2", "2", "1,3"),
        ("1,3,2,2", "2", "3"),
    ],
)
def test_inputs_of_one_row_are_explained_in_either_order(image, table, scores, order):
    """Of x·w the input times the gradient is x·w, element by element."""
    image, table, scores = (list(map(int, each.split(","))) for each in (image, table, scores))
    given = {"image": np.arange(1, 13, dtype="f").reshape(image), "table": np.array([-1, 2], "f").reshape(table)}
    w = ", ".join(f"{each:.9g}" for each in WEIGHTS.ravel())
    text = {name: str(each)[1:-1] for name, each in (("image", image), ("table", table), ("scores", scores))}
    model = ox.load(parse_model(NET.format(**text, axes=len(scores), w=w)), input=order)
    e = ox.explain(model, given, "input_x_gradient", target=1)
    found = np.concatenate([e.attributions[name].ravel() for name in ("image", "table")])
    x = np.concatenate([given["image"].ravel(), given["table"].ravel()])
    np.testing.assert_allclose(found, x * WEIGHTS[:, 1], rtol=1e-6)


@pytest.mark.parametrize("order", [["image", "table"], ["table", "image"]])
def test_an_input_that_serves_all_rows_is_not_explained_beside_them(order):
    """Four rows, and a table of all of them: that is not one row, whichever is named first."""
    model = parse_model("""<ir_version: 9, opset_import: ["" : 17]>
        g (float[4, 3, 6] image, float[2] table) => (float[4, 3] scores)
        <int64[1] two = {2}, float[2, 3] w = {1, 2, 3, 4, 5, 6}> {
            a = ReduceSum<keepdims = 0>(image, two)
            b = MatMul(table, w)
            scores = Add(a, b)
        }""")
    with pytest.raises(UnsupportedModelError, match="'table'"):
        ox.explain(
            ox.load(model, input=order), {"image": np.ones((4, 3, 6), "f"), "table": np.ones(2, "f")}, "gradient"
        )
