"""Attributes of a few words: the facts know all that ONNX has today, and a word that they do not know is refused."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from one import one

from onnxplain.ops import standard_ops
from onnxplain.ops.words import WORDS

FREE = {("Einsum", "equation")}


def test_every_attribute_of_words_is_listed():
    stated = {
        (name, attribute)
        for name in standard_ops()
        for attribute, each in onnx.defs.get_schema(name).attributes.items()
        if each.type == onnx.defs.OpSchema.AttrType.STRING
    }
    assert stated - FREE <= {(name, attribute) for name, words in WORDS.items() for attribute in words}
    for name, attribute in stated - FREE:
        default = onnx.helper.get_attribute_value(onnx.defs.get_schema(name).attributes[attribute].default_value)
        assert default.decode() in WORDS[name][attribute]


IMAGE = np.ones((1, 4, 4, 4))
INPUTS = {
    **dict.fromkeys(("Conv", "ConvTranspose"), (IMAGE, np.ones((4, 4, 1, 1)))),
    "Resize": (IMAGE, None, np.ones(4, "f")),
    "Pad": (IMAGE, np.ones(8, int)),
    "CastLike": (IMAGE, IMAGE),
    "ScatterElements": (IMAGE, np.zeros((1, 4, 4, 4), int), IMAGE),
    "ScatterND": (IMAGE, np.zeros((1, 1), int), IMAGE),
}
NEEDED = {
    **{name: {"kernel_shape": [2, 2]} for name in ("AveragePool", "MaxPool")},
    **{name: {"blocksize": 2} for name in ("DepthToSpace", "SpaceToDepth")},
    "Cast": {"to": 1},
}


@pytest.mark.parametrize(("op", "attribute"), [(op, attribute) for op, words in WORDS.items() for attribute in words])
def test_an_unknown_word_is_refused_by_name(op, attribute):
    strange = 3 if attribute == "p" else "slanted"
    inputs, attrs = INPUTS.get(op, (IMAGE,)), NEEDED.get(op, {})
    one(op, *inputs, opset=26, **attrs).bound(problems := [])
    assert not problems
    one(op, *inputs, opset=26, **attrs, **{attribute: strange}).bound(problems)
    assert problems[0].startswith(f"{op} (node 'one'): its {attribute} is {strange!r}, and only ")


@pytest.mark.parametrize(
    ("op", "flag", "inputs"),
    [
        ("ReduceSum", "keepdims", (IMAGE, np.array([1]))),
        ("CumSum", "exclusive", (IMAGE, np.array(1))),
        ("Cast", "saturate", (IMAGE,)),
        ("Gemm", "transB", (np.ones((2, 2)), np.ones((2, 2)))),
    ],
)
def test_a_flag_that_is_neither_0_nor_1_is_refused_by_name(op, flag, inputs):
    one(op, *inputs, **{flag: 2}, **NEEDED.get(op, {})).bound(problems := [])
    assert problems == [f"{op} (node 'one'): its {flag} is 2, and only 0, 1 are supported"]
