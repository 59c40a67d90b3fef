"""Every real model keeps its scores through all passes."""

import numpy as np
import pytest
from nets import ROOT
from passes.same import run

from onnxplain.graph.load import read
from onnxplain.graph.upgrade import upgrade
from onnxplain.passes import canonicalise, export, verify
from onnxplain.passes.verify import random_inputs

SHARED = ROOT.parent / "shared" / "models"
OWN = sorted((ROOT / "models").glob("*.onnx"))
REAL = sorted(path for folder in ("exported", "real") for path in (SHARED / folder).rglob("*.onnx"))
# relative to the largest score; the reason why it is not 1e-4
TOLERANCES = {"squeezenet_fp16-winml.onnx": 1e-3}  # the original rounds every value to float16
SETTINGS = {"silero_vad_v5.onnx": {"sr": 16000}}
INPUTS = {"silero_vad_v5.onnx": {"input": (1, 576), "state": (2, 1, 128)}}
TOKENS = {"reviews_transformer_torch.onnx": 24}  # how many there may be, which the file does not state


@pytest.mark.skipif(not REAL, reason=f"the collection of real models is not at {SHARED}")
def test_the_collection_is_there():
    assert len(REAL) > 40


@pytest.mark.parametrize("path", OWN + REAL, ids=lambda path: path.stem)
def test_scores_stay(path):
    proto = read(path)[0]
    before = proto.SerializeToString()
    canonical = canonicalise(proto, fixed=SETTINGS.get(path.name))
    assert proto.SerializeToString() == before
    feeds = {
        name: np.random.default_rng(0).standard_normal(shape).astype("f")
        for name, shape in INPUTS.get(path.name, {}).items()
    } or random_inputs(upgrade(proto))
    feeds |= {name: feeds[name][:, : TOKENS[path.name]] for name in feeds if path.name in TOKENS}
    ours = export(canonical.graph)
    used = {value.name: np.asarray(feeds[value.name]) for value in ours.graph.input}
    (scores,) = run(ours, {name: x.astype("f") if x.dtype == np.float16 else x for name, x in used.items()})
    assert verify(proto, canonical, feeds=feeds).largest <= TOLERANCES.get(path.name, 1e-4) * np.abs(scores).max()
