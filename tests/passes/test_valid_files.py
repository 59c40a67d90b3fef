"""Files that are unusual, and that onnxruntime runs: they are explained by its values, or refused by name."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from passes.same import RNG, run

import onnxplain as ox
from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.graph.upgrade import upgrade

X = RNG(0).standard_normal((2, 6)).astype("f")
W = RNG(1).standard_normal((6, 3)).astype("f")


def file(text="h = Relu(x)  z = MatMul(h, w)", opset=17, **weights):
    proto = onnx.parser.parse_model(
        f'<ir_version: 10, opset_import: ["" : {opset}]> g (float[N,6] x) => (float[N,3] z) {{ {text} }}'
    )
    proto.graph.initializer.append(numpy_helper.from_array(W, "w"))
    proto.graph.initializer.extend(numpy_helper.from_array(np.asarray(each), name) for name, each in weights.items())
    return proto


def explained(proto, wanted=None):
    """Compare scores and gradient with onnxruntime on the file itself; Relu and linear maps bend at no x here."""
    scores = run(proto, {"x": X})[0] if wanted is None else wanted
    result = ox.explain(ox.load(proto), X, "gradient", target=1)
    np.testing.assert_allclose(result.prediction, scores, rtol=1e-5, atol=1e-5)
    if wanted is None:
        for place in ((0, 2), (1, 4)):
            step = np.zeros_like(X)
            step[place] = 1e-3
            after, before = (run(proto, {"x": X + way * step})[0][place[0], 1] for way in (1, -1))
            assert abs((after - before) / 2e-3 - result.attribution[place]) < 1e-2
    return result


@pytest.mark.parametrize("kind", ["INT4", "UINT4"])
@pytest.mark.parametrize("size", [3, 2000])
def test_weights_of_four_bits(kind, size):
    """onnxruntime computes a product with such weights in integers unless told not to, so NumPy says what is right."""
    low, high = (-8, 8) if kind == "INT4" else (0, 16)
    q = RNG(2).integers(low, high, (6, size))
    v = RNG(3).standard_normal((size, 3)).astype("f")
    proto = file("wf = DequantizeLinear(q, s, o)  h = Relu(x)  k = MatMul(h, wf)  z = MatMul(k, v)", 21, s=0.1, v=v)
    proto.graph.initializer[-2].CopyFrom(numpy_helper.from_array(np.array(0.1, "f"), "s"))
    elem_type = getattr(TensorProto, kind)
    proto.graph.initializer.append(helper.make_tensor("q", elem_type, q.shape, q))
    proto.graph.initializer.append(helper.make_tensor("o", elem_type, [], [1]))
    weight = (q - 1).astype("f") * np.float32(0.1)
    result = explained(proto, np.maximum(X, 0) @ weight @ v)
    np.testing.assert_allclose(result.attribution, (X > 0) * (weight @ v[:, 1]), rtol=1e-4, atol=1e-4)


def two_layers(size):
    v, u = RNG(2).standard_normal((6, size)).astype("f"), RNG(3).standard_normal((size, 3)).astype("f") / size
    return file("h = Relu(x)  k = MatMul(h, v)  z = MatMul(k, u)", v=v, u=u)


@pytest.mark.parametrize("size", [3, 2000])
def test_an_initialiser_named_twice(size):
    """Of two small ones, onnxruntime takes the last; of three large ones, the second."""
    proto = two_layers(size)
    proto.graph.initializer.append(proto.graph.initializer[1])
    explained(proto)
    proto.graph.initializer.append(numpy_helper.from_array(np.zeros((6, size), "f"), "v"))
    with pytest.raises(BadInputError, match="two initialisers have the name 'v' and different values"):
        ox.load(proto)


@pytest.mark.parametrize("size", [3, 2000])
def test_an_initialiser_or_an_input_that_is_an_output_too(size):
    proto = two_layers(size)
    proto.graph.output.append(helper.make_tensor_value_info("v", TensorProto.FLOAT, [6, size]))
    proto.graph.output.append(proto.graph.input[0])
    explained(proto)


@pytest.mark.parametrize("shape", [["N", 9], [2, 6, 1], [5]])
def test_a_wrong_shape_of_an_inner_value(shape):
    proto = file("h = Relu(x)  s = Shape(h)  g = Softplus(h)  r = Reshape(g, s)  z = MatMul(r, w)")
    proto.graph.value_info.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "hg")
    explained(proto)


def test_the_stated_type_of_an_inner_sequence_stays():
    proto = file("s = SplitToSequence(x)  c = ConcatFromSequence<axis=0>(s)  z = MatMul(c, w)")
    proto.graph.value_info.append(helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None))
    assert upgrade(proto).graph.value_info[0].type.WhichOneof("value") == "sequence_type"
    result = ox.explain(ox.load(proto), X, "occlusion", target=1)
    np.testing.assert_allclose(result.prediction, run(proto, {"x": X})[0], rtol=1e-5)


def test_shapes_of_the_output_that_are_wrong():
    for axis, size in ((0, 5), (1, 7)):
        proto = file()
        proto.graph.output[0].type.tensor_type.shape.dim[axis].dim_value = size
        explained(proto)


def test_the_domain_of_onnx_by_its_other_name():
    proto = file()
    for each in (proto.opset_import[0], *proto.graph.node):
        each.domain = "ai.onnx"
    explained(proto)


def test_a_model_that_forgets_to_import_the_operators_of_onnx():
    """onnxruntime then takes the newest ones that it knows."""
    proto = file("a = Constant<value_ints=[1]>()  s = ReduceSum(x, a)  d = Sub(x, s)  h = Softmax(d)  z = MatMul(h, w)")
    proto.opset_import[0].CopyFrom(helper.make_opsetid("ai.onnx.ml", 1))
    explained(proto)


def test_inputs_that_are_no_tensors():
    proto = file()
    proto.graph.input[0].type.optional_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    with pytest.raises(UnsupportedModelError, match="input 'x' is of the kind optional_type"):
        ox.load(proto)
    proto = file("z = ConcatFromSequence<axis=0>(x)")
    proto.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = TensorProto.FLOAT
    with pytest.raises(UnsupportedModelError, match="depend on the input 'x', which is a sequence"):
        ox.load(proto)


def test_a_node_whose_body_onnx_cannot_write_out_is_named():
    """onnx asserts that it knows the type of an input that is left out."""
    text = "q = Reshape(x, s)  y, k, v = Attention<is_causal=1>(q, q, q, , p, p)  f = Reshape(y, t)  z = MatMul(f, w)"
    past = np.zeros((2, 1, 1, 6), "f")
    proto = file(text, 23, s=np.array([0, 1, 1, 6]), t=np.array([0, 6]), p=past)
    with pytest.raises(UnsupportedModelError, match="Attention"):
        ox.explain(ox.load(proto), X, "gradient", target=0)
