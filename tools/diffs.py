"""Write the table of docs/auditing.md: how like the maps of a network are to those of its quantised and other files.

It needs the trained networks in ../shared/models, and PyTorch. The other files of ResNet-20 are made here, of the
numbers in the file itself: PyTorch's newer exporter, and onnxruntime's quantisation. Each file is compared with the
first one, on the same pictures and for the class that the first one predicts, as `onnxplain diff` does.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from PIL import Image

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "models"
PAGE = ROOT / "docs" / "auditing.md"
MARKS = "<!-- diffs -->", "<!-- /diffs -->"
METHODS = ("lrp.epsilon_plus_flat", "deeplift", "gradient")
FIGURES = ("changed", "spearman", "cosine", "relative_l2", "overlap")
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SMALL = ox.Preprocess(size=(32, 32), scale=1 / 255, mean=MEAN, std=STD)
RESNET = SHARED / "exported" / "cifar10_resnet20-ts13.onnx"
PHOTOS, CIFAR = SHARED / "images" / "photos", SHARED / "images" / "cifar10"


def pairs(folder: Path) -> Iterator[tuple[str, Path, Path, Path, Any, str]]:
    """Yield what is compared: title, both files, pictures, preprocessing, and what is stored."""
    exported, real = SHARED / "exported", SHARED / "real"
    squeezenet = exported / "squeezenet1.1-fp32-ts9.onnx"
    mobilenet = exported / "mobilenetv2-fp32-ts12.onnx", real / "mobilenetv2-12-int8.onnx"
    photos = PHOTOS, "imagenet"
    yield "MobileNetV2, int8", *mobilenet, *photos, "relevance"
    yield "SqueezeNet 1.1, int8", squeezenet, exported / "squeezenet1.1-qdq-int8.onnx", *photos, "relevance"
    yield (
        "SqueezeNet 1.1, other export",
        squeezenet,
        exported / "squeezenet1.1-fp32-dynamo18.onnx",
        *photos,
        "attribution",
    )
    yield "ResNet-20, int8", RESNET, _quantised(folder / "int8.onnx"), CIFAR, SMALL, "relevance"
    yield "ResNet-20, other export", RESNET, _exported(folder / "dynamo.onnx"), CIFAR, SMALL, "attribution"


def _exported(path: Path) -> Path:
    """Write ResNet-20, rebuilt in PyTorch of the numbers in its file, by PyTorch's newer exporter."""
    import torch
    from torch.nn import functional

    graph = onnx.load(RESNET).graph
    numbers = {each.name: torch.tensor(onnx.numpy_helper.to_array(each)) for each in graph.initializer}
    layers = [each for each in graph.node if each.op_type in ("Conv", "Gemm")]

    class ResNet20(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            *convolutions, last = [[numbers[name] for name in each.input[1:]] for each in layers]
            strides = [next(a.ints[0] for a in each.attribute if a.name == "strides") for each in layers[:-1]]
            apply = [
                partial(functional.conv2d, weight=w, bias=b, stride=s, padding=1)
                for (w, b), s in zip(convolutions, strides, strict=True)
            ]
            x = functional.relu(apply[0](x))
            for first, second in zip(apply[1::2], apply[2::2], strict=True):
                y = second(functional.relu(first(x)))
                if y.shape != x.shape:
                    more = (y.shape[1] - x.shape[1]) // 2
                    x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, more, more))
                x = functional.relu(x + y)
            return functional.linear(functional.avg_pool2d(x, x.shape[3]).flatten(1), *last)

    rows = {0: torch.export.Dim("N")}
    torch.onnx.export(ResNet20().eval(), (torch.zeros(2, 3, 32, 32),), path, dynamo=True, dynamic_shapes=(rows,))
    return path


def _quantised(path: Path) -> Path:
    """Write ResNet-20 with integers of 8 bits, calibrated by the pictures."""
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Pictures(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.files = iter(sorted(CIFAR.iterdir()))

        def get_next(self) -> dict[str, Any] | None:
            file = next(self.files, None)
            if file is None:
                return None
            pixels = np.asarray(Image.open(file).convert("RGB"), np.float32) / 255
            return {"input": ((pixels - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1)[None]}

    quantize_static(RESNET, path, Pictures(), per_channel=True)
    return path


def row(title: str, method: str, found: ox.Diff) -> str:
    """Return a row of the table: the means over the pictures."""
    means = [found.of(name)["mean"] for name in FIGURES]
    cells = [f"{found.rows}", *(f"{each:.2g}" if 0 < each < 1e-3 else f"{round(each, 3):g}" for each in means)]
    return f"| {title} | `{method}` | {' | '.join(cells)} |"


def main() -> None:
    """Measure, and write the table into the page."""
    if not SHARED.is_dir():
        sys.exit(f"the trained networks are not at {SHARED}")
    lines = [f"| file | method | rows | {' | '.join(FIGURES)} |", "|---|---|" + "---|" * (len(FIGURES) + 1)]
    with TemporaryDirectory() as folder:
        for title, a, b, data, preprocess, store in pairs(Path(folder)):
            models = [ox.load(each, preprocess=preprocess, threads=1) for each in (a, b)]
            lines += [row(title, method, ox.diff(*models, data, method, store=store)) for method in METHODS]
            print(lines[-1])
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(MARKS[0])
    _, tail = rest.split(MARKS[1])
    PAGE.write_text("\n".join([head + MARKS[0], *lines, MARKS[1] + tail]), encoding="utf-8")


if __name__ == "__main__":
    main()
