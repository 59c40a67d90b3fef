"""The models that the tests of files and of the page ask, and clients that ask them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import pytest
from nets import BUNDLED

import onnxplain as ox

pytest.importorskip("fastapi", reason="fastapi, which the service is made with, is not installed")
pytest.importorskip("python_multipart", reason="python-multipart, by which forms are read, is not installed")
XRAY = BUNDLED / "images" / "xray"
CHIRP, WINE = BUNDLED / "sounds" / "chirp.wav", BUNDLED / "wine_sample.npy"
TEXT = "honestly the food was not very good"


@cache
def model(name):
    """A bundled model, as one would serve it: "xray", "cut", "wine", "sounds", or "reviews", which needs tokenizers."""
    if name == "reviews":
        pytest.importorskip("tokenizers", reason="tokenizers, which reads texts, is not installed")
        tokenizer, labels = BUNDLED / "reviews.tokenizer.json", BUNDLED / "reviews.labels.txt"
        return ox.load(BUNDLED / "reviews_transformer_torch.onnx", labels=labels, vocabulary=tokenizer)
    if name == "cut":  # sees the middle of a picture alone
        return replace(model("xray"), preprocess=replace(model("xray").preprocess, crop=0.75))
    if name == "xray":
        stated = {"preprocess": BUNDLED / "xray_v1.preprocess.json", "labels": BUNDLED / "xray.labels.txt"}
        return ox.load(BUNDLED / "xray_v1.onnx", **stated)
    if name == "wine":
        stated = {"features": BUNDLED / "wine.features.txt", "labels": BUNDLED / "wine.labels.txt"}
        return ox.load(BUNDLED / "wine_mlp_torch.onnx", **stated)
    return ox.load(BUNDLED / "sounds_cnn_torch.onnx", labels=BUNDLED / "sounds.labels.txt", rate=8000)


@contextmanager
def client(*names, samples=None, **limits):
    """A client of a service of these models, in this process."""
    testclient = pytest.importorskip("starlette.testclient", reason="httpx, the client of the tests, is not installed")
    from onnxplain.serve import Limits, app

    with testclient.TestClient(app({name: model(name) for name in names}, Limits(**limits), samples=samples)) as asked:
        yield asked
