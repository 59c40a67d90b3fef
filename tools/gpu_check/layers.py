"""The adjoint of every convolution of a ResNet-50: ours over cuBLAS's product alone, over cuDNN, and over the roofline.

cuDNN comes in torch, and in the engine "cudnn"; a contender that is not installed has no column.

Prints a row of JSON for each shape that occurs, and one for all 53 convolutions together.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import cupy
import numpy as np
from clock import on_device, peaks
from resnet import Layer, convolutions

from onnxplain.engines.cupy import check, convolution
from onnxplain.engines.cupy.gemm import matmul
from onnxplain.engines.window import Window
from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 32
SUMMED = ("ours", "cublas", "cudnn", "engine cudnn", "roofline")
"""Contenders that every layer has."""
Row = dict[str, Any]


def seconds(layer: Layer, batch: int) -> Row:
    """Seconds of each contender that can run."""
    rng = np.random.default_rng(0)
    draw = lambda *shape: cupy.asarray(rng.normal(size=shape).astype("f"))  # noqa: E731
    pads = {"pads": [layer.kernel // 2] * 4, "strides": [layer.stride] * 2}
    window = Window.resolve((layer.size,) * 2, (layer.kernel,) * 2, pads)
    g, w = draw(batch, layer.m, *window.out), draw(layer.m, layer.c, layer.kernel, layer.kernel)
    like = cupy.empty((batch, layer.c, layer.size, layer.size), np.float32)
    ours = partial(convolution.conv_adjoint, g, w, like, window, 1)
    found: Row = {"ours": on_device(ours)}
    for way in () if window.pointwise else ("tiled", "columns", "direct"):
        with patch.object(convolution._Shape, "way", property(lambda _, way=way: way)):  # noqa: SLF001
            found[way] = on_device(ours)
    turned, flat = w.reshape(layer.m, -1).transpose(1, 0), g.reshape(batch, layer.m, -1)
    found["cublas"] = on_device(lambda: matmul(turned, flat))
    others = {"cudnn": cudnn(g, w, like.shape, layer), "engine cudnn": engine(g, w, like, window)}
    return found | {name: on_device(run) for name, run in others.items() if run is not None}


def cudnn(g: Any, w: Any, shape: tuple[int, ...], layer: Layer) -> Callable[[], Any] | None:
    """cuDNN's adjoint by torch, in exact float32 and on our stream; None where torch has no GPU."""
    try:
        import torch
    except ImportError:
        return None
    if not torch.cuda.is_available():
        return None
    torch.backends.cudnn.allow_tf32 = False
    theirs = [torch.from_dlpack(each) for each in (g, w)]
    stream = torch.cuda.ExternalStream(cupy.cuda.get_current_stream().ptr)

    def run() -> Any:
        with torch.cuda.stream(stream):
            return torch.nn.grad.conv2d_input(
                shape, theirs[1], theirs[0], stride=layer.stride, padding=layer.kernel // 2
            )

    return run


def engine(g: Any, w: Any, like: Any, window: Window) -> Callable[[], Any] | None:
    """The adjoint of the engine "cudnn"; None where that does not run."""
    try:
        check("cudnn")
    except UsageError:
        return None
    from onnxplain.engines.cupy.cudnn import conv_adjoint

    return partial(conv_adjoint, g, w, like, window, 1)


def bound(layer: Layer, batch: int, operations: float, bandwidth: float) -> float:
    """Seconds that no implementation in exact float32 can beat: the arithmetic, or the traffic."""
    products = batch * layer.m * layer.c * layer.kernel**2 * layer.out**2
    elements = batch * (layer.m * layer.out**2 + layer.c * layer.size**2) + layer.m * layer.c * layer.kernel**2
    return max(2 * products / operations, 4 * elements / bandwidth)


def row(what: Row, took: Row) -> Row:
    """Ours over the others."""
    others = {name: round(took["ours"] / took[name], 3) for name in took if name != "ours"}
    return what | {f"over {name}": ratio for name, ratio in others.items()}


def main() -> None:
    """Measure every shape once; a shape that occurs n times counts n times in the sum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=BATCH)
    batch = parser.parse_args().batch
    total: Counter[str] = Counter()
    with cupy.cuda.Stream(non_blocking=True):
        best = peaks()
        for layer, count in Counter(layer for _, layer in convolutions()).items():
            took = seconds(layer, batch) | {"roofline": bound(layer, batch, *best)}
            shape = f"{layer.c} to {layer.m}, {layer.kernel}x{layer.kernel}/{layer.stride}, {layer.size}x{layer.size}"
            print(json.dumps(row({"layer": shape, "times": count, "batch": batch}, took)), flush=True)
            total.update({name: count * each for name, each in took.items() if name in SUMMED})
    print(json.dumps(row({"layer": "all", "times": 53, "batch": batch}, dict(total))), flush=True)


if __name__ == "__main__":
    main()
