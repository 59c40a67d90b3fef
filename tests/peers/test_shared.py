"""Real trained models: their recorded answers, every kind of method on them, and what must add up."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from nets import SHARED, needs_shared
from peers.zoo_real import cases

import onnxplain as ox

pytestmark = [pytest.mark.peer, needs_shared]
CASES = cases() if SHARED.is_dir() else []
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.file)


@cache
def loaded(file, precision):
    case = next(each for each in CASES if each.file == file)
    return ox.load(SHARED / f"{file}.onnx", preprocess=case.preprocess, precision=precision)


def explain(case, method, precision="float32", **options):
    sample = case.sample() if callable(case.sample) else case.sample
    return ox.explain(loaded(case.file, precision), sample, method, **options)


@cache
def recorded():
    manifest = json.loads((SHARED / "manifest.json").read_text())
    return {entry["file"].removesuffix(".onnx"): entry for entry in manifest}


@each_case
def test_the_recorded_answer_is_explained(case):
    e = explain(case, "gradient")
    assert np.abs(e.attribution).max() > 0
    if case.answer is not None:
        assert e.target == case.answer


@each_case
def test_guided_backprop_refuses_smooth_activations(case):
    if case.smooth:
        with pytest.raises(ox.UnsupportedModelError, match="force=True"):
            explain(case, "guided_backprop")
    assert np.abs(explain(case, "guided_backprop", force=case.smooth).attribution).max() > 0


@each_case
def test_deeplift_is_complete(case):
    e = explain(case, "deeplift", "float64")
    still = explain(case, "gradient", "float64")
    assert abs(e.delta[0]) < 1e-5 * abs(e.score - still.score)[0]


@pytest.mark.parametrize("method", ["lrp.epsilon", "lrp.epsilon_plus_flat"])
@each_case
def test_the_books_balance_at_every_node(case, method):
    worst = explain(case, method, "float64", book=True).book.worst()
    assert abs(worst.gap) < 1e-5 * worst.scale, worst


@pytest.mark.parametrize("file", sorted(path.name for path in SHARED.glob("unsupported/*.onnx")))
def test_what_cannot_be_explained_is_named(file):
    with pytest.raises((ox.UnsupportedModelError, ox.BadInputError)) as problem:
        ox.load(SHARED / "unsupported" / file)
    assert file in str(problem.value)
