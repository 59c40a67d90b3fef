"""Methods that walk once, on the real trained models, by the engine onnxruntime and in float64.

All methods on the small models; on large pictures, and on networks whose kinds of layers other models have as well, a
few that between them have most rules, for float64 takes its time. Of one network by several exporters one has these,
and the others the gradient. By default all methods on a CNN and a transformer, and one method on every small model.
"""

from __future__ import annotations

from functools import lru_cache

import pytest
from agree.agreement import check
from agree.outliers import NAMED
from agree.ways import Ways
from kinds import kinds
from nets import SHARED, needs_shared
from peers.zoo_real import LARGE, THOROUGH, TWINS, cases

from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec

pytestmark = [pytest.mark.peer, needs_shared]
CASES = {case.file: case for case in cases()} if SHARED.is_dir() else {}
WALKS = [name for name, method in METHODS.items() if isinstance(method, WalkSpec)]
FEW = ("gradient", "lrp.epsilon", "lrp.epsilon_gamma_box", "lrp.epsilon_alpha2_beta1_flat", "deeplift")
LONG = LARGE | {
    "exported/cifar10_resnet20-ts13", "exported/tflite-mobilenet_v1_0.25_128_quant-f32", "real/face_antispoof_minifas",
    "real/ppocr_mobile_v2_cls",
}  # fmt: skip


def methods(file):
    return FEW[:1] if file in TWINS else FEW if file in LONG else WALKS


PAIRS = [(file, method) for file in CASES for method in methods(file)]


@lru_cache(maxsize=1)
def ways(file):
    case = CASES[file]
    sample = case.sample() if callable(case.sample) else case.sample
    return Ways(SHARED / f"{file}.onnx", sample, preprocess=case.preprocess)


def is_default(file, method):
    return file in THOROUGH or (method == "lrp.epsilon" and file not in LARGE)


@pytest.mark.parametrize(("file", "method"), kinds(PAIRS, is_default))
def test_every_walk_agrees(file, method):
    check(ways(file), method, NAMED.get(file))
