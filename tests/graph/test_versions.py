"""versions: each step from one version of an operator to the next is listed, and a conversion keeps the values."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import helper
from passes.same import RNG, run

from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.graph.check import check_model
from onnxplain.graph.upgrade import upgrade
from onnxplain.graph.versions import ADAPTERS, OPSET, history
from onnxplain.graph.versions.unchanged import UNCHANGED
from onnxplain.passes import canonicalise

REFUSED = {("Scan", 9)}
STEPS = [
    (op, before, after)
    for op, known in history().items()
    for before, after in itertools.pairwise(known)
    if 7 < after <= OPSET
]


def test_each_step_is_in_one_table():
    listed = {(op, opset) for op, opsets in UNCHANGED.items() for opset in opsets}
    assert not listed & ADAPTERS.keys()
    assert listed | ADAPTERS.keys() | REFUSED == {(op, after) for op, _, after in STEPS}


@pytest.mark.parametrize(("op", "before", "after"), [each for each in STEPS if each[2] in UNCHANGED.get(each[0], ())])
def test_a_step_that_changes_nothing_takes_all_that_was_valid(op, before, after):
    old, new = (onnx.defs.get_schema(op, opset) for opset in (before, after))
    for name, each in old.attributes.items():
        kept = new.attributes[name]
        assert (kept.type, kept.default_value) == (each.type, each.default_value), name
        assert each.required or not kept.required, name
    assert not any(each.required for name, each in new.attributes.items() if name not in old.attributes)
    for was, now in ((old.inputs, new.inputs), (old.outputs, new.outputs)):
        for a, b in zip(was, now, strict=False):
            assert {each for each in a.types if op != "Erf" or "int" not in each} <= set(b.types)  # it made no sense
            assert a.option == b.option or b.option is onnx.defs.OpSchema.FormalParameterOption.Optional
        assert len(was) <= len(now)
        assert all(b.option is onnx.defs.OpSchema.FormalParameterOption.Optional for b in now[len(was) :])


def alone(op, opset, feeds, output="y", **attributes):
    """A model of one node, whose inputs have the shapes and types of `feeds`."""
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(each.dtype), each.shape)
        for name, each in feeds.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in output.split()]
    graph = helper.make_graph([helper.make_node(op, list(feeds), output.split(), **attributes)], "g", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def floats(*shape, seed=0):
    return RNG(seed).standard_normal(shape).astype("f")


X = {"x": floats(2, 4, 5, 7)}
HALF = {"x": X["x"].astype(np.float16)}
PER_ROW = {name: np.abs(floats(4, 5, 7, seed=i)) for i, name in enumerate(("s", "b", "m", "v"))}
ROIS = {"r": np.array([[1, 0.5, 6, 4]], "f"), "i": np.array([1])}
SCALES = {"s": np.array([1, 1, 2.5, 0.6], "f")}
ALONE = {
    "linear Upsample": ("Upsample", 7, X, {"mode": "linear", "scales": [1.0, 1.0, 2.0, 3.0]}),
    "nearest Upsample": ("Upsample", 9, X | {"s": np.array([1, 1, 1.5, 2], "f")}, {}),
    "linear Resize": ("Resize", 10, X | SCALES, {"mode": "linear"}),
    "nearest Resize, one axis grows and one shrinks": ("Resize", 10, X | SCALES, {}),
    "linear Resize with all its inputs": ("Resize", 11, X | {"r": floats(0)} | SCALES, {"mode": "linear"}),
    "nearest Resize by its own rounding": (
        *("Resize", 11, X | {"r": floats(0)} | SCALES),
        {"nearest_mode": "ceil", "coordinate_transformation_mode": "align_corners"},
    ),
    "DepthToSpace": ("DepthToSpace", 7, X, {"blocksize": 2}),
    "MeanVarianceNormalization": ("MeanVarianceNormalization", 9, X, {"axes": [0, 2]}),
    "GroupNormalization": (
        *("GroupNormalization", 18, X | {"s": floats(2), "b": floats(2, seed=1)}),
        {"num_groups": 2, "epsilon": 0.1},
    ),
    "BatchNormalization of each activation": ("BatchNormalization", 7, X | PER_ROW, {"spatial": 0, "epsilon": 0.1}),
    "Softmax from axis 1": ("Softmax", 12, X, {}),
    "Softmax from axis 2": ("Softmax", 7, X, {"axis": 2}),
    "LogSoftmax from an axis behind": ("LogSoftmax", 11, X, {"axis": -2}),
    "Hardmax": ("Hardmax", 1, X, {"axis": 0}),
    "RoiAlign": ("RoiAlign", 10, X | ROIS, {"output_height": 2, "output_width": 2, "sampling_ratio": 2}),
    "GridSample": ("GridSample", 16, X | {"g": floats(2, 3, 3, 2)}, {"mode": "bicubic"}),
    "DFT": ("DFT", 17, {"x": floats(2, 6, 4, 1)}, {"onesided": 1}),
    "DFT along another axis": ("DFT", 17, {"x": floats(2, 6, 4, 1), "n": np.array(5)}, {"axis": 2}),
    "Clip of halves": ("Clip", 6, HALF, {"min": -0.3}),
    "Clip from above": ("Clip", 6, X, {"max": 0.3}),
    "Pad of doubles": ("Pad", 2, {"x": floats(2, 3).astype("d")}, {"pads": [0, 1, 2, -1], "value": 1.5}),
    "Slice without axes": ("Slice", 1, X, {"starts": [1, -3], "ends": [9, -1]}),
    "Split in equal parts": ("Split", 2, X, {"axis": 1, "output": "y z"}),
    "Split": ("Split", 11, X, {"axis": -1, "split": [3, 4], "output": "y z"}),
    "TopK": ("TopK", 1, X, {"k": 2, "axis": 1, "output": "y i"}),
    "Dropout's mask of numbers": ("Dropout", 7, X, {"ratio": 0.3, "output": "y m"}),
    "Dropout's mask": ("Dropout", 10, X, {"ratio": 0.3, "output": "y m"}),
    "Scatter": ("Scatter", 9, {"x": floats(3, 3), "i": np.array([[1, 0, 2]]), "u": floats(1, 3, seed=1)}, {}),
    "ImageScaler": ("ImageScaler", 9, X, {"scale": 2.0, "bias": [1.0, 2.0, 3.0, 4.0]}),
    "Affine": ("Affine", 7, X, {"alpha": 2.0, "beta": 1.0}),
    "Scale": ("Scale", 7, X, {"scale": 3.0}),
    "ScaledTanh": ("ScaledTanh", 7, X, {"alpha": 2.0, "beta": 0.5}),
    "ParametricSoftplus": ("ParametricSoftplus", 7, X, {"alpha": 2.0, "beta": 0.5}),
    "ThresholdedRelu": ("ThresholdedRelu", 7, X, {"alpha": 0.5}),
}


@pytest.mark.parametrize("name", ALONE)
def test_the_check_of_a_file_lets_it_pass(name):
    op, opset, feeds, attributes = ALONE[name]
    check_model(alone(op, opset, feeds, **attributes), "it")


@pytest.mark.parametrize("name", ALONE)
def test_the_values_are_those_of_the_file(name):
    op, opset, feeds, attributes = ALONE[name]
    model = alone(op, opset, feeds, **attributes)
    if op == "RoiAlign":  # onnxruntime runs it up to opset 21
        node = upgrade(model).graph.node[0]
        after = alone(op, 16, feeds, **{each.name: helper.get_attribute_value(each) for each in node.attribute})
    else:
        after = upgrade(model)
        onnx.shape_inference.infer_shapes(after, check_type=True, strict_mode=True)
        assert after.opset_import[0].version == OPSET
    for wanted, got in zip(run(model, feeds), run(after, feeds), strict=True):
        assert (wanted.dtype, wanted.shape) == (got.dtype, got.shape)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("op", "opset", "feeds", "attributes", "said"),
    [
        (
            "Add",
            6,
            {"x": floats(2), "z": floats(2)},
            {},
            "Add .* is written for opset 6, and onnxruntime runs the operator from opset 7 on",
        ),
        ("Upsample", 11, X | {"s": np.array([1, 1, 2, 2], "f")}, {}, "does not have this operator any more"),
        ("ImageScaler", 11, X, {"bias": [1.0] * 4}, "does not have this operator"),
        ("Nonsense", 13, X, {}, "Nonsense .node 'y'. is written for opset 13, which does not have this operator"),
        (
            *("BatchNormalization", 9, X | {name: floats(4) for name in "sbmv"}),
            *({"output": "y c d"}, "BatchNormalization .* exported for training"),
        ),
    ],
)
def test_what_nobody_knows_is_refused_by_name(op, opset, feeds, attributes, said):
    with pytest.raises(UnsupportedModelError, match=said):
        upgrade(alone(op, opset, feeds, **attributes))


def test_all_that_is_refused_is_listed():
    model = alone("Crop", 7, X)
    model.graph.node.append(helper.make_node("Sub", ["x", "x"], ["z"]))
    model.graph.node.append(helper.make_node("Nonsense", ["z"], ["u"], name="last"))
    with pytest.raises(UnsupportedModelError, match=r"(?s)Crop .node 'y'.*Nonsense .node 'last'"):
        upgrade(model)


@pytest.mark.parametrize(("op", "opset", "name"), [("ReduceMax", 17, "axes"), ("Slice", 9, "ends"), ("TopK", 9, "k")])
def test_an_attribute_of_another_type_is_named(op, opset, name):
    attributes = {"starts": [1], "ends": [2]} if op == "Slice" else {}
    with pytest.raises(BadInputError, match=rf"{op} .node 'y'. has the attribute '{name}' of type STRING"):
        upgrade(alone(op, opset, X, **{**attributes, name: "tanh"}))


def test_a_value_and_a_node_that_grow_keep_their_names():
    model = alone("Upsample", 9, X | {"s": np.array([1, 1, 2, 2], "f")})
    model.graph.node[0].name = "up"
    model.graph.node.append(helper.make_node("Flatten", ["y"], ["z"]))
    model.graph.output[0].name = "z"
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], "f"), "s"))
    del model.graph.input[1:]
    nodes = canonicalise(model).graph.nodes
    assert (nodes[0].op, nodes[0].name, nodes[0].outputs[0].name) == ("Resize", "up", "y")
