"""Every ONNX operator has facts, or a reason why not."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from one import one

from onnxplain.ops import Family, Op, register, standard_ops, supported
from onnxplain.ops.left_out import LEFT_OUT

FACTS = {
    Family.AFFINE: {"apply", "adjoint0"},
    Family.BILINEAR: {"apply", "adjoint0", "adjoint1"},
    Family.SUM: {"apply", "adjoint0", "adjoint1"},
    Family.ELEMENTWISE: {"slope"},
    Family.SELECT: {"winners", "place"},
    Family.SHAPE: {"adjoint"},
    Family.NORMALISE: {"vjp", "frozen"},
}
SOME = {Family.ELEMENTWISE: {"value"}, Family.SHAPE: {"apply"}, Family.NORMALISE: {"gathered"}}


def floats_from_floats():
    """Current operators of the default domain with a float input and a float output."""
    for name in {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}:
        schema = onnx.defs.get_schema(name)
        types = {each.type_param_str: each.allowed_type_strs for each in schema.type_constraints}
        ends = (
            any("float" in t or "double" in t for each in side for t in types.get(each.type_str, [each.type_str]))
            for side in (schema.inputs, schema.outputs)
        )
        if all(ends) and not schema.deprecated:
            yield name


def test_nothing_is_forgotten():
    assert set(floats_from_floats()) <= set(standard_ops()) | set(LEFT_OUT)
    assert not set(standard_ops()) & set(LEFT_OUT)
    assert set(standard_ops()) | set(LEFT_OUT) <= {schema.name for schema in onnx.defs.get_all_schemas()}


def test_each_family_has_its_facts():
    for op in standard_ops().values():
        assert FACTS[op.family] <= set(op.facts) <= FACTS[op.family] | SOME.get(op.family, set()), op.name


def test_supported_has_a_row_per_op():
    rows = supported()
    assert {name for name, *_ in rows} == set(standard_ops())
    assert ("Conv", "AFFINE", "") in rows
    assert [family for _, family, _ in rows] == sorted((f for _, f, _ in rows), key=lambda f: list(Family).index(f))


def test_a_name_is_registered_once():
    with pytest.raises(ValueError, match="Relu is registered twice"):
        register(Op("Relu", Family.ELEMENTWISE))


def test_a_model_with_an_operator_that_is_left_out_is_told_why():
    assert one("Hardmax", np.ones((1, 2))).bound(problems := []) is None
    assert problems == [
        "Hardmax (node 'one'): no rule for this operator (a staircase, its slope is 0 almost everywhere)"
    ]
