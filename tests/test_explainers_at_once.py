"""Explainers of one model, made and called in several threads at once, give what each gives alone."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from joint import pictures
from nets import BUNDLED

import onnxplain as ox

THREADS = 8
rng = np.random.default_rng(0)
OF_DIGITS = (
    ("gradient", {}),
    ("lrp.epsilon_plus_flat", {}),
    ("deeplift", {"baseline": 0.25}),
    ("deeplift", {"baseline": -0.5}),
)
MORE = (
    ("grad_cam", {}),
    ("fullgrad", {}),
    ("integrated_gradients", {"steps": 4}),
    ("smoothgrad", {"samples": 3}),
    ("occlusion", {"window": 4, "stride": 4}),
    ("rise", {"samples": 20}),
)
OF_REVIEWS = tuple((name, {}) for name in ("gradient", "attnlrp", "integrated_gradients", "deeplift"))
OF_FORESTS = (("tree_shap", {}), ("kernel_shap", {"samples": 100}), ("shapley_sampling", {"samples": 2}))


@pytest.fixture(autouse=True)
def hurried():
    """Threads take turns as often as Python lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def tokens():
    ids = np.zeros((2, 16), np.int64)
    ids[:, :12] = rng.integers(1, 20, (2, 12))
    return {"input_ids": ids, "attention_mask": (ids > 0).astype(np.int64)}


def at_once(call, asked):
    """What a function returns for each of what is asked, in threads that all begin at once."""
    barrier = Barrier(len(asked))

    def one(each):
        barrier.wait()
        return call(each)

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(one, asked))


@pytest.mark.parametrize(
    ("file", "x", "methods"),
    [
        ("digits_cnn_torch", rng.normal(size=(2, 1, 16, 16)).astype("f"), OF_DIGITS),
        pytest.param("digits_cnn_torch", rng.normal(size=(2, 1, 16, 16)).astype("f"), MORE, marks=pytest.mark.slow),
        pytest.param("reviews_transformer_torch", tokens(), OF_REVIEWS, marks=pytest.mark.slow),
        pytest.param("digits_forest_sklearn", rng.normal(size=(2, 64)).astype("f"), OF_FORESTS, marks=pytest.mark.slow),
    ],
)
def test_explainers_are_made_and_called_at_once(file, x, methods):
    def explained(model, asked):
        method, options = asked
        e = ox.Explainer(model, method, **options)(x, 1)
        return e.attribution.tobytes(), e.score.tobytes(), str(e.plan)

    alone = ox.load(BUNDLED / f"{file}.onnx")
    due = [explained(alone, each) for each in methods]
    together = ox.load(BUNDLED / f"{file}.onnx")  # nothing is compiled yet
    asked = (methods * THREADS)[:THREADS]
    found = at_once(lambda each: explained(together, each), asked)
    assert found == (due * THREADS)[:THREADS]


def test_inputs_of_several_sizes_are_explained_together_at_once():
    proto, x = pictures()
    sizes = [(9, 5), (4, 4), (7, 8), (5, 9)]
    asked = [
        {"left": x["left"][:1], "right": rng.normal(size=(1, 1, *size)).astype("f")} for size in (sizes * 2)[:THREADS]
    ]

    def explained(explainer, each):
        e = explainer(each, 1)
        maps = {name: part.attribution.tobytes() for name, part in e.parts.items()}
        return maps, {name: value for name, value in e.record.items() if name != "parity"}, str(e.plan)

    alone = ox.Explainer(ox.load(proto, input="all"), "gradient")
    due = [explained(alone, each) for each in asked]
    shared = ox.Explainer(ox.load(proto, input="all"), "gradient")
    for _ in range(3):
        assert at_once(lambda each: explained(shared, each), asked) == due
