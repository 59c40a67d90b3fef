"""Files quantised by onnxruntime in each of its forms."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from collections.abc import Callable

    from kept import Truth

BASES = {
    "resnet18": "trained/resnet18",
    "mobilenet_v2": "trained/mobilenet_v2",
    "squeezenet": "trained/squeezenet1_1",
    "shufflenet": "trained/shufflenet_v2_x0_5",
    "efficientnet": "trained/efficientnet_b0",
    "vit": "trained/vit",
    "cnn": "trained/cnn",
    "mlp": "trained/mlp",
    "bert": "text/bert.ts",
    "llama": "text/llama.ts",
    "lstm": "recurrent/lstm.ts",
}
FORMS = {
    "qdq": ("resnet18", "mobilenet_v2", "squeezenet", "shufflenet", "efficientnet", "vit", "cnn", "mlp"),
    "qdq_channel": ("resnet18", "mobilenet_v2", "cnn"),
    "qdq_int16": ("resnet18", "cnn"),
    "operators": ("resnet18", "mobilenet_v2", "squeezenet", "shufflenet", "efficientnet", "cnn", "mlp"),
    "operators_uint8": ("resnet18", "cnn"),
    "dynamic": ("cnn", "mlp", "vit", "bert", "lstm"),
    "four_bits": ("mlp", "vit", "bert", "llama"),
}
"""qdq: QuantizeLinear and DequantizeLinear around float operators. operators: QLinearConv and its kin. dynamic: scales
from each input. four_bits: weights alone, MatMulNBits."""


def _static(path: Path, truth: Truth, target: Path, how: str) -> None:
    from derived import reader
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    kinds = {"qdq_int16": QuantType.QInt16, "operators_uint8": QuantType.QUInt8, "operators": QuantType.QUInt8}
    quantize_static(
        str(path),
        str(target),
        reader(truth),
        quant_format=QuantFormat.QDQ if how.startswith("qdq") else QuantFormat.QOperator,
        per_channel=how == "qdq_channel",
        activation_type=kinds.get(how, QuantType.QInt8),
        weight_type=QuantType.QUInt8 if how == "operators_uint8" else QuantType.QInt8,
        extra_options={"UseQDQContribOps": True} if how == "qdq_int16" else {},
    )


def _dynamic(path: Path, truth: Truth, target: Path, how: str) -> None:  # noqa: ARG001
    from onnxruntime.quantization import quantize_dynamic

    quantize_dynamic(str(path), str(target))


def _four_bits(path: Path, truth: Truth, target: Path, how: str) -> None:  # noqa: ARG001
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    quantiser = MatMulNBitsQuantizer(onnx.load(path), block_size=16, is_symmetric=True)
    quantiser.process()
    quantiser.model.save_model_to_file(str(target))


HOW: dict[str, Callable[[Path, Truth, Path, str], None]] = {"dynamic": _dynamic, "four_bits": _four_bits}


def _make(name: str, folder: Path) -> Any:
    from derived import derived, runs, twin
    from onnxruntime.quantization.shape_inference import quant_pre_process

    member, how = name.rsplit("/", 1)[-1].rsplit(".", 1)
    path, of, truth = twin(BASES[member], folder)
    made = derived(name, of, f"onnxruntime's quantiser, {how}", "onnxruntime")
    made.path(folder).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="zoo-") as room:
        prepared = Path(room) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        HOW.get(how, _static)(prepared, truth, made.path(folder), how)
    runs(made.path(folder), truth)
    return made, truth


MEMBERS = [f"{name}.{how}" for how, names in FORMS.items() for name in names]
FAMILY = Family("quantised", "quantised", ("onnxruntime",), MEMBERS, _make, after=True)
