"""Eight threads on one explainer: each gets what a single one gets."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from threading import Barrier

import numpy as np
import pytest
from nets import relu_cnn

import onnxplain as ox

THREADS = 8
WALKS = (("gradient", {}), ("lrp.z_plus", {"book": True}), ("deeplift", {"baseline": 0.5}))
SLOWER = (("smoothgrad", {}), ("occlusion", {}))
ENGINES = ({"engine": "onnxruntime"}, {"engine": "numpy"}, {"precision": "float64"})
ASKED = [*product(ENGINES, WALKS), *product(ENGINES[1:2], SLOWER)]


def each_asked(explainer, x, **options):
    """Two rows for each thread, which all begin at once."""
    barrier = Barrier(THREADS)

    def call(i):
        barrier.wait()
        return explainer(x[2 * i : 2 * i + 2], 3, **options)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(call, range(THREADS)))


def check(method, options, rounds=2, **loaded):
    proto, _ = relu_cnn()
    x = np.random.default_rng(1).normal(size=(2 * THREADS, 3, 11, 9)).astype("f")
    settings = {"samples": 3} if method == "smoothgrad" else {}
    alone = ox.Explainer(ox.load(proto, **loaded), method, **settings)
    wanted = [alone(x[2 * i : 2 * i + 2], 3, **options) for i in range(THREADS)]
    for _ in range(rounds):  # the first calls of an explainer differ from later ones, so each round has its own
        explainer = ox.Explainer(ox.load(proto, **loaded), method, **settings)
        for got, due in zip(each_asked(explainer, x, **options), wanted, strict=True):
            np.testing.assert_array_equal(got.attribution, due.attribution)
            np.testing.assert_array_equal(got.score, due.score)
            assert str(got.book) == str(due.book)


@pytest.fixture
def hurried():
    """Threads take turns as often as Python lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(("loaded", "asked"), ASKED)
def test_threads_share_an_explainer(loaded, asked):
    check(*asked, **loaded)
