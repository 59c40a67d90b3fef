"""check_model: what onnxruntime refuses is refused by name before native code sees it, and what it runs is read."""

import numpy as np
import onnx
import onnxruntime
import pytest
from nets import ROOT
from onnx import helper, numpy_helper

from onnxplain.errors import BadInputError
from onnxplain.graph.load import read
from onnxplain.limits import Limits
from onnxplain.passes import canonicalise

TEXT = """<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,3] y)
    { a = Elu<alpha=1.0>(x)  y = MatMul(a, w) }"""


def base():
    model = onnx.parser.parse_model(TEXT)
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 3), "f"), "w"))
    return model


def opens(model):
    """Whether onnxruntime opens a model."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # noqa: BLE001  # the errors of onnxruntime share no base of their own
        return False
    return True


def attribute(model, **attributes):
    del model.graph.node[0].attribute[:]
    model.graph.node[0].attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())


def typed(model, number):
    model.graph.input[0].type.tensor_type.elem_type = number


REFUSED = {
    "an attribute of the wrong type": (lambda m: attribute(m, alpha="tanh"), r"Elu \(node ''\).*'?alpha"),
    "an unknown attribute": (lambda m: attribute(m, alpha=1.0, foo=3), r"Elu.*foo"),
    "an input too many": (lambda m: m.graph.node[0].input.append("x"), r"Elu.*input size 2"),
    "an input too few": (lambda m: m.graph.node[1].input.pop(), r"MatMul.*input size 1"),
    "an input left out": (lambda m: m.graph.node[0].input.__setitem__(0, ""), r"Elu.*input 0"),
    "no output": (lambda m: m.graph.node[1].output.pop(), "MatMul|'y'"),
    "an operator that is gone": (lambda m: setattr(m.graph.node[0], "op_type", "Upsample"), "Upsample.*deprecated"),
    "a value that nothing makes": (lambda m: m.graph.node[0].input.__setitem__(0, "b"), r"Elu.*reads 'b'"),
    "an output that nothing makes": (lambda m: setattr(m.graph.output[0], "name", "b"), "nothing makes 'b'"),
    "a value made twice": (lambda m: m.graph.node[1].output.__setitem__(0, "a"), "called 'a'.*Elu.*MatMul"),
    "a value called like an input": (lambda m: m.graph.node[0].output.__setitem__(0, "x"), "called 'x'.*an input"),
    "a value called like a weight": (lambda m: m.graph.node[0].output.__setitem__(0, "w"), "called 'w'.*initialiser"),
    "an input twice": (lambda m: m.graph.input.append(m.graph.input[0]), "input 'x' twice"),
    "an input without a type": (lambda m: m.graph.input[0].ClearField("type"), "input 'x' states no type"),
    "an input of no type": (lambda m: typed(m, 0), "'x' has the type number 0"),
    "an input of an unknown type": (lambda m: typed(m, 99), "'x' has the type number 99"),
    "a version below the first": (lambda m: setattr(m.opset_import[0], "version", -3), "version -3"),
    "a version that is no version": (lambda m: setattr(m.opset_import[0], "version", 2**40), "version 1099511627776"),
    "more axes than arrays have": (lambda m: m.graph.initializer[0].dims.extend([1] * 70), "'w' has 72 axes"),
    "too few bytes": (lambda m: setattr(m.graph.initializer[0], "raw_data", b"1234"), r"'w'.*48 bytes, but 4 bytes"),
    "no data": (lambda m: m.graph.initializer[0].ClearField("raw_data"), r"'w'.*12 elements, but 0"),
    "a weight of an unknown type": (lambda m: setattr(m.graph.initializer[0], "data_type", 99), "'w'.*type number 99"),
    "a size below 0": (lambda m: m.graph.initializer[0].dims.__setitem__(0, -4), r"'w'.*\[-4, 3\]"),
    "more axes than an array has": (lambda m: m.graph.initializer[0].dims.extend([1] * 70), "'w' has 72 axes"),
    "a version beyond all": (lambda m: setattr(m.opset_import[0], "version", 2**40), f"version {2**40}"),
    "a huge size": (lambda m: m.graph.initializer[0].dims.__setitem__(0, 2**62), "'w'.*but 48 bytes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_onnxruntime_refuses_is_refused_by_name(name):
    change, message = REFUSED[name]
    model = base()
    change(model)
    assert not opens(model)
    with pytest.raises(BadInputError, match=message):
        read(model)


def test_names_are_texts():
    """protobuf's other implementations refuse such a file."""
    data = base().SerializeToString().replace(b"Elu", b"El\xff")
    with pytest.raises(BadInputError, match=r"name b'El\\xff' is no text in UTF-8"):
        read(onnx.ModelProto.FromString(data))


@pytest.mark.parametrize("number", [-1, 2, 2**40])
def test_a_flag_is_0_or_1(number):
    """onnxruntime takes any other number for 0 here and for 1 there, or computes what lay in memory."""
    text = f'<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (y) {{ y = ReduceMax<keepdims={number}>(x) }}'
    with pytest.raises(BadInputError, match=rf"ReduceMax \(node ''\).*keepdims is {number}, and not 0 or 1"):
        read(onnx.parser.parse_model(text))


@pytest.mark.parametrize("node", ["LRN<size=2147483647>", "MaxPool<kernel_shape=[2147483647]>"])
def test_what_a_runtime_would_count_up_to_is_bounded(node):
    text = f'<ir_version: 8, opset_import: ["" : 17]> g (float[N,4,9] x) => (y) {{ y = {node}(x) }}'
    with pytest.raises(BadInputError, match="of 2147483647, which no input has room for"):
        read(onnx.parser.parse_model(text))


def test_segments_are_refused():
    """onnx refuses to read one, and onnxruntime takes it for the whole."""
    model = base()
    model.graph.initializer[0].segment.end = 5
    with pytest.raises(BadInputError, match="'w' is a segment of a larger one"):
        read(model)


def old_file(model):
    model.graph.input.append(helper.make_tensor_value_info("w", 1, [4, 3]))


def unsorted(model):
    nodes = [onnx.NodeProto.FromString(each.SerializeToString()) for each in reversed(model.graph.node)]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def wrong_value_info(model):
    model.graph.value_info.append(helper.make_tensor_value_info("a", 7, [5]))


ACCEPTED = {
    "as it is": lambda _: None,
    "an initialiser as an input": old_file,
    "nodes in another order": unsorted,
    "an output twice": lambda m: m.graph.output.append(m.graph.output[0]),
    "an input that nothing reads": lambda m: m.graph.input.append(helper.make_tensor_value_info("q", 1, [2])),
    "a graph without a name": lambda m: m.graph.ClearField("name"),
    "an output without a type": lambda m: m.graph.output[0].ClearField("type"),
    "a domain twice": lambda m: m.opset_import.append(helper.make_opsetid("", 17)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_onnxruntime_opens_is_read(name):
    model = base()
    ACCEPTED[name](model)
    assert opens(model)
    assert read(model)[0] == model


def test_a_name_that_is_no_text_is_refused():
    """Its bytes are no UTF-8; such a name is read as bytes, which no other name can equal."""
    data = base().SerializeToString().replace(b"Elu", b"El\xff")
    with pytest.raises(BadInputError, match=r"the name b'El\\xff' is no text in UTF-8"):
        read(onnx.ModelProto.FromString(data))


def test_more_is_read_than_onnxruntime_opens():
    """A domain that is not imported, an operator that only the passes know, a type of an inner value that is wrong."""
    for change in (wrong_value_info, lambda m: setattr(m.graph.node[0], "domain", "custom")):
        model = base()
        change(model)
        assert read(model)[0] == model


BODY = """<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x, bool c) => (float[N,4] y)
    { a = Neg(x)
      y = If (c) <then_branch = t () => (b) { b = Elu<alpha=1.0>(a) }, else_branch = e () => (d) { d = Abs(x) }> }"""


def test_bodies_read_the_values_around_them_and_are_checked_too():
    model = onnx.parser.parse_model(BODY)
    assert opens(model) and read(model)[0] == model
    inner = next(each.g.node[0] for each in model.graph.node[1].attribute if each.name == "then_branch")
    inner.attribute[0].CopyFrom(helper.make_attribute("alpha", [1, 2]))
    with pytest.raises(BadInputError, match=r"Elu.*alpha"):
        read(model)
    inner.attribute[0].CopyFrom(helper.make_attribute("alpha", 1.0))
    inner.input[0] = "nowhere"
    with pytest.raises(BadInputError, match=r"Elu.*'nowhere'"):
        read(model)


def calls(text, functions):
    return onnx.parser.parse_model(
        f'<ir_version: 8, opset_import: ["" : 17, "my" : 1]> g (float[N,4] x) => (float[N,4] y) {{ {text} }} '
        + " ".join(f'<domain: "my", opset_import: ["" : 17, "my" : 1]> {each}' for each in functions)
    )


def test_functions_are_checked_by_their_own_versions():
    read(calls("y = my.f(x)", ["f (a) => (b) { b = Elu<alpha=1.0>(a) }"]))
    with pytest.raises(BadInputError, match=r"Elu.*alpha"):
        read(calls("y = my.f(x)", ["f (a) => (b) { b = Elu<alpha=1>(a) }"]))
    with pytest.raises(BadInputError, match="reads 'c'"):
        read(calls("y = my.f(x)", ["f (a) => (b) { b = Abs(c) }"]))


def test_a_function_that_calls_itself_is_refused():
    with pytest.raises(BadInputError, match=r"'[fg]' calls itself"):
        read(calls("y = my.f(x)", ["f (a) => (b) { b = my.g(a) }", "g (a) => (b) { b = my.f(a) }"]))


def test_nodes_are_counted_with_those_of_bodies_and_of_each_call():
    """Thirty functions, each of which calls the next one twice, are a thousand million nodes."""
    chain = [f"f{i} (a) => (b) {{ c = my.f{i + 1}(a)  b = my.f{i + 1}(c) }}" for i in range(29)]
    chain.append("f29 (a) => (b) { b = Abs(a) }")
    with pytest.raises(BadInputError, match=rf"has {2**29} nodes.*limit of 100000 nodes.*--limit nodes={2**29}"):
        read(calls("y = my.f0(x)", chain))
    with Limits(nodes=3).hold(), pytest.raises(BadInputError, match="has 4 nodes"):
        read(onnx.parser.parse_model(BODY))


@pytest.mark.parametrize(
    "kind", [name for name, _ in onnx.TensorProto.DataType.items() if name[:6] not in ("UNDEFI", "FLOAT6")]
)
def test_every_type_is_read_in_every_form(kind):
    """Raw bytes and lists of elements, of which some types pack several into a byte, as onnx writes them."""
    number = onnx.TensorProto.DataType.Value(kind)
    array = np.ones(5).astype(object if kind == "STRING" else helper.tensor_dtype_to_np_dtype(number))
    model, array = base(), np.array(list("words"), object) if kind == "STRING" else array
    model.graph.initializer.extend(
        [numpy_helper.from_array(array, "raw"), helper.make_tensor("listed", number, [5], array)]
    )
    assert read(model)[0] == model


def test_the_bundled_models_are_read():
    for path in (ROOT / "models").glob("*.onnx"):
        read(path)


CRASHING = {
    "LayerNormalization": ("y = LayerNormalization<axis=2147483648>(x, x)", "axis 2147483648"),
    "GatherND": ("y = GatherND<batch_dims=-2>(x, i)", "batch_dims -2"),
    "Split": ("y, z = Split<axis=1, num_outputs=1>(x)", "num_outputs 1"),
}


@pytest.mark.parametrize("op", CRASHING)
def test_values_at_which_native_code_crashes_are_refused(op):
    """Shape inference or a new session would end the process, so neither is asked here."""
    text, message = CRASHING[op]
    head = '<ir_version: 8, opset_import: ["" : 18, "my" : 1]> g (float[N,4] x, int64[1,1] i) => (float[N,4] y)'
    with pytest.raises(BadInputError, match=rf"{op} \(node ''\) has {message}"):
        read(onnx.parser.parse_model(f"{head} {{ {text} }}"))


def test_such_a_value_of_a_call_is_refused_before_its_shapes_are_inferred():
    head = '<ir_version: 8, opset_import: ["" : 18, "my" : 1]> g (float[N,4] x) => (float[N,4] y)'
    body = '<domain: "my", opset_import: ["" : 18]> f <k> (a) => (b) { b = LayerNormalization<axis: int = @k>(a, a) }'
    model = onnx.parser.parse_model(f"{head} {{ y = my.f<k=2147483648>(x) }} {body}")
    with pytest.raises(BadInputError, match=r"LayerNormalization .* has axis 2147483648"):
        canonicalise(model)


def test_a_bias_that_is_left_out_by_an_empty_name_is_left_out():
    """A new session of onnxruntime crashes at it."""
    head = '<ir_version: 8, opset_import: ["" : 18]> g (float[N,4] x, float[4] s) => (float[N,4] y)'
    model, _ = read(onnx.parser.parse_model(f"{head} {{ y = LayerNormalization(x, s, ) }}"))
    assert list(model.graph.node[0].input) == ["x", "s"]
    assert opens(model)
