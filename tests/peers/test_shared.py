"""Real trained models: their recorded answers, every kind of method on them, and what must add up."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from kinds import kinds
from nets import SHARED, needs_shared
from peers.zoo_real import LARGE, THOROUGH, TWINS, cases

import onnxplain as ox
from onnxplain.errors import BadInputError, UnsupportedModelError

pytestmark = [pytest.mark.peer, needs_shared]
CASES = cases() if SHARED.is_dir() else []
PRECISION = {"float32": 1e-5, "float64": 1e-12}
BOOKS = [("lrp.epsilon", "float64"), ("lrp.epsilon_plus_flat", "float64"), ("lrp.epsilon_plus_flat", "float32")]


def name(each):
    """What a case or a word is called in the name of a test."""
    return getattr(each, "file", each)


each_case = pytest.mark.parametrize("case", CASES, ids=name)


def precise(variants):
    """Every case in every variant, of which the last word is a precision; twins of other models in float32 alone.

    By default all variants of two models, and of other small models those in float32.
    """
    found = [
        (case, *variant)
        for case, variant in product(CASES, variants)
        if case.file not in TWINS or variant[-1] == "float32"
    ]
    return kinds(
        found,
        lambda case, *variant: case.file in THOROUGH or (case.file not in LARGE and variant[-1] == "float32"),
    )


@cache
def loaded(file, precision):
    case = next(each for each in CASES if each.file == file)
    return ox.load(SHARED / f"{file}.onnx", preprocess=case.preprocess, precision=precision)


def explain(case, method, precision="float32", **options):
    sample = case.sample() if callable(case.sample) else case.sample
    return ox.explain(loaded(case.file, precision), sample, method, **options)


@each_case
def test_the_recorded_answer_is_explained(case):
    e = explain(case, "gradient")
    assert np.abs(e.attribution).max() > 0
    assert e.parity.unproven is None and e.parity.share < 2e-5, "the untouched file says something else"
    if case.answer is not None:
        assert e.target == case.answer


@each_case
def test_guided_backprop_refuses_smooth_activations(case):
    if case.smooth:
        with pytest.raises(UnsupportedModelError, match="force=True"):
            explain(case, "guided_backprop")
    assert np.abs(explain(case, "guided_backprop", force=case.smooth).attribution).max() > 0


@pytest.mark.parametrize(("case", "precision"), precise([(each,) for each in PRECISION]), ids=name)
def test_deeplift_is_complete(case, precision):
    """Σ attribution - delta is f(x) - f(x₀) by definition, so no second run is needed."""
    e = explain(case, "deeplift", precision)
    assert abs(e.delta[0]) < PRECISION[precision] * abs(e.attribution.sum() - e.delta[0])


@pytest.mark.parametrize(("case", "method", "precision"), precise(BOOKS), ids=name)
def test_the_books_balance_at_every_node(case, method, precision):
    worst = explain(case, method, precision, book=True).book.worst()
    assert abs(worst.gap) < PRECISION[precision] * worst.scale, worst


@pytest.mark.parametrize(
    ("file", "shape", "error", "named"),
    [
        ("ezkl_random_forest", (1, 4), UnsupportedModelError, ["no path of floats", "/trees.0/outputs.0/Gather"]),
        (
            "hls4ml_three_layer_keras",
            (1, 16),
            BadInputError,
            ["BatchNormalization 'BatchNormalization__'", "Invalid input scale"],
        ),
        ("qonnx_mnist_tfc_2w2a", (1, 1, 28, 28), UnsupportedModelError, ["onnx.brevitas::Quant", "'Quant_49'"]),
    ],
)
def test_what_cannot_be_explained_is_named(file, shape, error, named):
    with pytest.raises(error) as problem:
        ox.explain(ox.load(SHARED / "unsupported" / f"{file}.onnx"), np.ones(shape, "f"), "gradient")
    for words in named:
        assert words in str(problem.value)
