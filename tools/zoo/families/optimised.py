"""Files as onnxruntime leaves them: optimised at each of its levels, and by its optimiser for transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from family import Family

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = ("basic", "extended", "all")
PLAIN = {
    "resnet18": "torchvision/resnet18.ts",
    "mobilenet_v2": "torchvision/mobilenet_v2.dynamo",
    "squeezenet": "torchvision/squeezenet1_1.ts",
    "vit": "torchvision/vit_b_16.ts",
    "efficientnet": "torchvision/efficientnet_b0.ts",
    "densenet": "torchvision/densenet121.ts",
    "bert": "text/bert.ts",
    "lstm": "recurrent/lstm.ts",
}
FUSED: dict[str, tuple[str, str] | tuple[str, str, int, int]] = {
    "bert": ("text/bert.ts", "bert"),
    "bert_dynamo": ("text/bert.dynamo", "bert"),
    "distilbert": ("text/distilbert.ts", "bert"),
    "roberta": ("text/roberta.ts", "bert"),
    "electra": ("text/electra.dynamo", "bert"),
    "gpt2": ("text/gpt2.ts", "gpt2", 4, 32),
    "llama": ("text/llama.ts", "gpt2", 4, 32),
    "t5": ("text/t5.ts", "t5"),
    "vit": ("torchvision/vit_b_16.ts", "vit"),
    "swin": ("media/swin.ts", "swin"),
}
"""Name -> the file, and which model onnxruntime's optimiser for transformers is told that it is, with the number of
heads and the width where it does not find them."""


def _at_level(path: Path, level: str, target: Path) -> None:
    """Write what onnxruntime makes of a file at a level of its optimiser."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_ENABLE_{level.upper()}")
    options.optimized_model_filepath = str(target)
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _fuse(path: Path, target: Path, kind: str, heads: int = 0, width: int = 0) -> list[str]:
    """Write what the optimiser for transformers makes of a file, and return the operators that it fused."""
    from onnxruntime.transformers.optimizer import optimize_model

    found = optimize_model(str(path), model_type=kind, num_heads=heads, hidden_size=width, opt_level=0)
    found.save_model_to_file(str(target))
    return [f"{name} x {count}" for name, count in found.get_fused_operator_statistics().items() if count]


def _make(name: str, folder: Path) -> Any:
    from derived import derived, runs, twin

    member, how = name.rsplit("/", 1)[-1].rsplit(".", 1)
    base, *kind = FUSED[member] if how == "transformers" else (PLAIN[member],)
    path, of, truth = twin(base, folder)
    made = derived(name, of, f"onnxruntime, {how}", "onnxruntime")
    target = made.path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    if how == "transformers":
        made.notes += _fuse(path, target, *kind)
    else:
        _at_level(path, how, target)
    runs(made.path(folder), truth)
    return made, truth


MEMBERS = [f"{name}.{level}" for name in PLAIN for level in LEVELS] + [f"{name}.transformers" for name in FUSED]
FAMILY = Family("optimised", "float", ("onnxruntime",), MEMBERS, _make, after=True)
