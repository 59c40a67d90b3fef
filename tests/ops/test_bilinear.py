"""BILINEAR and SUM: the transpose in each operand, with the other one held, and broadcasting on both sides."""

from __future__ import annotations

import numpy as np
import pytest
from one import backward, check_transpose, one

from onnxplain.ops import Family


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


SHAPES = [((3, 4), (3, 4)), ((2, 3, 4), (4,)), ((4,), (2, 3, 4)), ((2, 1, 4), (3, 1)), ((), (2, 3))]


@pytest.mark.parametrize("op", ["Add", "Mul"])
@pytest.mark.parametrize(("a", "b"), SHAPES)
def test_elementwise(op, a, b):
    _both_sides(one(op, normal(*a), normal(*b, seed=1), active=(0, 1)))


MATRICES = [
    ((3, 4), (4, 5)),
    ((2, 3, 4), (2, 4, 5)),
    ((2, 3, 4), (4, 5)),
    ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((4,), (4, 5)),
    ((4,), (2, 4, 5)),
    ((3, 4), (4,)),
    ((2, 3, 4), (4,)),
    ((4,), (4,)),
]


@pytest.mark.parametrize(("a", "b"), MATRICES)
def test_matmul(a, b):
    _both_sides(one("MatMul", normal(*a), normal(*b, seed=1), active=(0, 1)))


@pytest.mark.parametrize("trans", [0, 1])
def test_gemm(trans):
    b = normal(5, 4) if trans else normal(4, 5)
    _both_sides(one("Gemm", normal(3, 4), b, active=(0, 1), transB=trans))


EQUATIONS = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("bij, bjk", (2, 3, 4), (2, 4, 5)),
    ("i,j->ij", (3,), (4,)),
    ("i,i->", (3,), (3,)),
    ("ij,jk->k", (3, 4), (4, 5)),
    ("ij,k->ik", (3, 4), (5,)),
    ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    ("...ij,jk->...ik", (2, 3, 4), (4, 5)),
    ("ij,...jk->...ik", (3, 4), (2, 4, 5)),
    ("...ij,...jk", (1, 3, 4), (2, 4, 5)),
]


@pytest.mark.parametrize(("equation", "a", "b"), EQUATIONS)
def test_einsum(equation, a, b):
    _both_sides(one("Einsum", normal(*a), normal(*b, seed=1), active=(0, 1), equation=equation))


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [("ij->ji", [(3, 4)]), ("ii,ij->j", [(3, 3), (3, 4)]), ("...ij,j->...j", [(2, 3, 4), (4,)])],
)
def test_einsum_that_is_refused(equation, shapes):
    one("Einsum", *(normal(*s) for s in shapes), equation=equation).bound(problems := [])
    assert problems


def _both_sides(case):
    """With one operand held at its value the node is linear in the other; both answers come from one call."""
    (y,) = case.reference()
    g = normal(*y.shape, seed=2)
    xs = [case.inputs[i] for i in case.active]
    site = case.site(y, *xs)
    assert site.node.family in (Family.BILINEAR, Family.SUM)
    answers = backward(site, g)
    for side, answer in enumerate(answers):
        alone = one(case.proto.op_type, *case.inputs, active=(side,), **_attributes(case))
        assert alone.bound().family is Family.AFFINE
        check_transpose(alone)
        (same,) = backward(alone.site(y, xs[side]), g)
        np.testing.assert_allclose(answer, same, rtol=1e-12, atol=1e-12)


def _attributes(case):
    return {key: value for key, value in case.bound().attrs.items() if key in ("transB", "equation")}
