"""Files in half precision: what they hold, and the same file in float32."""

import numpy as np
import onnx
import pytest
from nets import network, node
from onnx import TensorProto, helper, numpy_helper
from passes.same import run

import onnxplain as ox
from onnxplain.errors import BadInputError
from onnxplain.graph.half import halves, widened

RNG = np.random.default_rng(1)
W = RNG.normal(size=(4, 3)).astype("f")
BFLOAT16 = helper.tensor_dtype_to_np_dtype(TensorProto.BFLOAT16)


def in_type(kind, nodes, weights, classes=3):
    """A network with its input and its output in a type."""
    given = [helper.make_tensor_value_info("x", kind, ["N", 4])]
    model = network(nodes, None, weights, inputs=given)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", kind, ["N", classes]))
    return model


def inner_constant():
    return network([helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(W.astype(BFLOAT16))),
                    node("Cast", "w", "f", to=TensorProto.FLOAT), node("MatMul", "x f", "y")], (1, 4), {})  # fmt: skip


@pytest.mark.parametrize(
    ("model", "found"),
    [
        (network([node("MatMul", "x w", "y")], (1, 4), {"w": W}), ()),
        (in_type(TensorProto.FLOAT16, [node("MatMul", "x w", "y")], {"w": W.astype(np.float16)}), ("float16",)),
        (network([node("Cast", "x", "h", to=10), node("Cast", "h", "y", to=1)], (1, 4), {}), ("float16",)),
        (inner_constant(), ("bfloat16",)),
    ],
)
def test_what_a_file_holds(model, found):
    assert halves(model) == found
    assert ox.load(model).canonical.halves == found


def test_the_same_file_in_float32_has_the_same_weights():
    """Those that the file holds, and those that it rounds; PyTorch's autocast writes both."""
    nodes = [
        node("Cast", "w", "small", to=TensorProto.BFLOAT16),
        node("Cast", "x", "a", to=TensorProto.BFLOAT16),
        node("MatMul", "a small", "m"),
        node("Add", "m b", "s"),
        node("Cast", "s", "y", to=TensorProto.FLOAT),
    ]
    b = np.float32([0.1, 0.2, 0.3]).astype(BFLOAT16)
    proto, x = network(nodes, (1, 4), {"w": W, "b": b}), RNG.normal(size=(2, 4)).astype("f")
    assert not halves(network(nodes[:0] + list(widened(proto).graph.node)[-1:], (1, 4), {}))
    wanted = x @ W.astype(BFLOAT16).astype("f") + b.astype("f")
    np.testing.assert_allclose(run(widened(proto), {"x": x})[0], wanted, rtol=1e-5)
    model = ox.load(proto)
    e = ox.explain(model, x, "gradient", target=1)
    np.testing.assert_array_equal(e.attribution, [W.astype(BFLOAT16).astype("f")[:, 1]] * 2)
    np.testing.assert_allclose(e.prediction, wanted, rtol=1e-5)
    assert e.parity.share < 1e-6 and "compared with the file in float32, since onnxruntime" in str(e.parity)
    assert e.record["parity"]["widened"] == e.parity.widened
    assert proto.graph.initializer[0].data_type == TensorProto.FLOAT and len(proto.graph.node) == 5


def test_a_wrong_weight_of_a_file_that_does_not_run_is_found():
    proto = in_type(TensorProto.BFLOAT16, [node("MatMul", "x w", "y")], {"w": W.astype(BFLOAT16)})
    model = ox.load(proto)
    weight = next(v for v in model.canonical.graph.tensors().values() if v.name == "w")
    weight.values = weight.values * np.float32(1.001)
    with pytest.raises(ox.errors.UnsupportedModelError, match="does not compute what the file does"):
        ox.explain(model, np.ones((1, 4), "f"), "gradient")


@pytest.mark.parametrize("dtype", [np.float16, BFLOAT16])
def test_the_input_is_what_the_file_takes(dtype):
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    proto = in_type(kind, [node("MatMul", "x w", "y")], {"w": W.astype(dtype)})
    x = np.float32([[0.1, 0.2, 0.3, 0.4]])
    model = ox.load(proto)
    e = ox.explain(model, x, "input_x_gradient", target=0)
    held, held0 = (np.asarray(each, "f").astype(dtype).astype("f") for each in (x, 0.1))
    weights = W.astype(dtype).astype("f")[:, 0]
    np.testing.assert_array_equal(e.inputs, held)
    np.testing.assert_allclose(e.attribution, held * weights, rtol=1e-6)
    d = ox.explain(model, x, "deeplift", target=0, baseline=0.1)
    np.testing.assert_allclose(d.attribution, (held - held0) * weights, rtol=1e-4, atol=1e-7)


def test_an_input_beyond_float16_is_refused():
    proto = in_type(TensorProto.FLOAT16, [node("MatMul", "x w", "y")], {"w": W.astype(np.float16)})
    with pytest.raises(BadInputError, match=r"1 of 4 values: no float16; the first at \(0, 2\) is 70000.0"):
        ox.explain(ox.load(proto), np.float32([[1, 2, 7e4, 3]]), "gradient")
    assert onnx.checker.check_model(proto) is None


def test_casts_between_the_nodes_are_named():
    proto = network([node("Cast", "x", "h", to=10), node("Relu", "h", "r"), node("Cast", "r", "y", to=1)], (1, 4), {})
    model = ox.load(proto)
    assert model.canonical.ways == {"Cast: without its rounding, all being computed in float32": 1}
