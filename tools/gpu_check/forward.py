"""A forward run of a ResNet-50 on CUDA against one on the CPU, in float32: TF32, with 10 bits, comes to about 1e-3."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from resnet import SIZE, resnet50

import onnxplain as ox

ALLOWED, BATCH = 1e-4, 4
WITHOUT = "onnxruntime ran on the CPU, without CUDA"


def main() -> None:
    """Say how far the two are apart; exit 1 where that is too far."""
    proto, x = resnet50(), np.random.default_rng(0).normal(size=(BATCH, 3, SIZE, SIZE)).astype("f")
    engines = [
        ox.Explainer(ox.load(proto, engine=engine), "gradient").method.engine.inner for engine in ("cupy", "numpy")
    ]
    device, host = (engine.values({"input": x}, ["logits"])["logits"] for engine in engines)
    apart = difference(device, host)
    print(f"{apart:.1e} of the largest logit between {engines[0].providers[0]} and {engines[1].providers[0]}")
    if not apart <= ALLOWED:
        sys.exit(1)
    if "CUDAExecutionProvider" not in engines[0].providers:
        print(WITHOUT)


def difference(a: Any, b: Any) -> float:
    """Largest difference, in units of the largest value of `b`."""
    return float(np.abs(a - b).max() / np.abs(b).max())


if __name__ == "__main__":
    main()
