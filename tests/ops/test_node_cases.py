"""ONNX's own node test cases, for every operator that has facts.

Linear ops have to reproduce the stored output; the backward of every op has to agree with central differences of
onnx.reference in float64, along a random direction, next to the stored inputs.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

import numpy as np
import pytest
from nodecases import collected
from one import One, backward

from onnxplain.ops import Family, standard_ops

# ONNX tests the first three on integers only, the last in float32 only: test_shape.py and test_normalise.py have them
WITHOUT_CASE = {"Cast", "CastLike", "Trilu", "MeanVarianceNormalization"}

SKIPPED = {
    "test_max_example": "three inputs: a pass makes pairs",
    "test_max_one_input": "one input: a pass makes it an Identity",
    "test_mod_float_edge_cases_fmod_0_float32": "infinite and NaN inputs",
    "test_mod_float_edge_cases_fmod_0_float64": "infinite and NaN inputs",
    "test_mvn": "the reference computes it in float32 only; test_normalise.py has it",
    "test_reduce_max_empty_set": "no elements, no winner",
    "test_resize_downsample_scales_cubic_align_corners": "output size rounded; runtime differs from the reference",
    "test_resize_downsample_scales_linear_align_corners": "output size rounded; runtime differs from the reference",
    "test_resize_tf_crop_and_resize_extrapolation_value": "a value that is no input",
}

REFUSED = {
    **{f"test_einsum_{name}": "1 operands" for name in ("transpose", "sum", "batch_diagonal")},
    "test_maxunpool_export_with_output_shape": "output_shape",
    **{f"test_gemm_{name}": "a pass absorbs" for name in ("alpha", "beta", "transposeA", "all_attributes")},
    **{f"test_batchnorm_{name}": "a mean" for name in ("example", "epsilon")},
    **{f"test_batchnorm_{name}_training_mode": "a mean" for name in ("example", "epsilon")},
    **{f"test_scatter_elements_with_reduction_{name}": f"'{name}'" for name in ("mul", "max", "min")},
    **{f"test_scatternd_{name}": "reduction" for name in ("multiply", "max", "min")},
    **{f"test_scatternd_{name}_with_element_indices": f"'{name}'" for name in ("max", "min")},
}

# the reference computes these in float32, whatever it is given: a larger step, and the noise that comes with it
COARSE = {"Erf", "Gelu", "GroupNormalization"}

LARGE = {"test_averagepool_3d_default", "test_maxpool_3d_default"}
"""31 elements along each of three axes, over which the reference loops in Python; other cases have three axes too."""


@cache
def cases():
    """Operator -> (name, One, stored output) of each case of one node that computes floats from floats."""
    found = defaultdict(list)
    for case in collected():
        nodes = case.model.graph.node
        op = standard_ops().get(nodes[0].op_type) if len(nodes) == 1 and nodes[0].domain == "" else None
        if op is None or not case.data_sets or case.name in SKIPPED:
            continue
        inputs, outputs = case.data_sets[0]
        feeds = dict(zip((value.name for value in case.model.graph.input), inputs, strict=True))
        given = [_wide(feeds[name]) if name else None for name in nodes[0].input]
        operands = range(len(given)) if op.operands is None else op.operands
        active = tuple(i for i in operands if i < len(given) and _is_float(given[i]))
        if active and _is_float(outputs[0]):
            (opset,) = (each.version for each in case.model.opset_import if each.domain == "")
            found[op.name].append((case.name, One(nodes[0], given, active, opset), outputs[0]))
    return found


@pytest.mark.parametrize("op", sorted(set(standard_ops()) - WITHOUT_CASE))
def test_operator(op):
    assert cases()[op], "ONNX has no case for it"
    _check(op, [each for each in cases()[op] if each[0] not in LARGE])


@pytest.mark.slow
@pytest.mark.parametrize("op", ["AveragePool", "MaxPool"])
def test_operator_on_many_elements(op):
    large = [each for each in cases()[op] if each[0] in LARGE]
    assert large
    _check(op, large)


def _check(op, some):
    for name, one, stored in some:
        if name in REFUSED:
            problems = []
            one.bound(problems)
            assert REFUSED[name] in " ".join(problems), name
            continue
        with np.errstate(all="ignore"):
            _linear(name, one, stored)
            _gradient(name, one, *((1e-2, 2e-3) if op in COARSE else (1e-6, 1e-5)))


def _linear(name, one, stored):
    xs = [one.inputs[i] for i in one.active]
    site = one.site(stored, *xs)
    if site.node.family is Family.AFFINE:
        z = site.apply(site.x, site.w)
        y = z if site.b is None else z + site.b
        np.testing.assert_allclose(y, stored, rtol=1e-4, atol=1e-4, err_msg=name)


def _gradient(name, one, step, tolerance):
    rng = np.random.default_rng(0)
    near = [one.inputs[i] + 1e-3 * rng.normal(size=one.inputs[i].shape) for i in one.active]
    directions = [rng.normal(size=x.shape) for x in near]
    (y, *_), (after, *_), (before, *_) = (
        one.reference(*(x + way * step * d for x, d in zip(near, directions, strict=True))) for way in (0, 1, -1)
    )
    g = rng.normal(size=y.shape)
    parts = g * (after - before) / (2 * step)
    answers = backward(one.site(y, *near), g)
    ours = sum((a * d).sum() for a, d in zip(answers, directions, strict=True))
    assert abs(ours - parts.sum()) <= tolerance * (np.abs(parts).sum() + 1e-3), (name, ours, parts.sum())


def test_that_no_case_got_lost():
    assert sum(map(len, cases().values())) > 420
    assert len(cases()) > 90
    names = {name for each in cases().values() for name, *_ in each}
    assert set(REFUSED) <= names
    assert set(SKIPPED) <= {case.name for case in collected()}


def _is_float(value):
    return isinstance(value, np.ndarray) and value.dtype in (np.float32, np.float64)


def _wide(value):
    return value.astype(np.float64) if _is_float(value) else np.asarray(value)
