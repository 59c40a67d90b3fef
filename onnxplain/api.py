"""The public functions: load a file, explain an input, list the methods."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import MissingExtraError, UsageError
from onnxplain.graph.load import read, sha256
from onnxplain.inputs import Preprocess
from onnxplain.method import METHODS
from onnxplain.model import Model, read_names
from onnxplain.passes import canonicalise
from onnxplain.run.explainer import Explainer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import onnx

    from onnxplain.explanation import Explanation
    from onnxplain.method.composite import Composite

ENGINES = ("onnxruntime", "numpy")


def load(
    source: str | Path | onnx.ModelProto,
    *,
    preprocess: str | dict[str, Any] | Path | Preprocess | None = None,
    labels: str | Sequence[str] | None = None,
    features: str | Sequence[str] | None = None,
    device: str = "cpu",
    engine: str | None = None,
    precision: str = "float32",
    input: str | None = None,  # noqa: A002
    output: str | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Model:
    """Read an ONNX file and prepare it for explaining. The file and a given proto are never changed.

    preprocess: "imagenet", "tf", "raw", a dict, a JSON file (also HuggingFace's and timm's), or None for arrays only.
    labels, features: names of the classes and of a table's columns; a text file with one a line, or a list.
    precision: "float32", or "float64" for the exact reference. input, output: names, where the model has several.
    fixed: values of inputs that are settings, such as a sampling rate, so that what they decide is folded.

    Raises BadInputError for a file that is no ONNX model, UnsupportedModelError for one that cannot be prepared.
    """
    chosen = _engine(engine, device, precision)
    proto = read(source)
    model = Model(
        path=str(source) if isinstance(source, (str, Path)) else None,
        sha256=sha256(source),
        proto=proto,
        canonical=canonicalise(proto, output=output, fixed=fixed),
        labels=read_names(labels),
        features=read_names(features),
        engine=chosen,
        precision=precision,
        device=device,
        input=input,
    )
    if preprocess is not None:
        model.preprocess = Preprocess.of(preprocess).fit(model.input_shape, model.explained_input.dtype)
    return model


def explain(
    model: Model | str | Path,
    x: Any,
    method: str = "lrp.epsilon_plus_flat",
    target: Any = None,
    **options: Any,
) -> Explanation:
    """Explain one input or a batch. For many calls build an `Explainer` once; `options` go to it and to its call."""
    loaded = model if isinstance(model, Model) else load(model)
    call = {name: options.pop(name) for name in ("seed", "book") if name in options}
    return Explainer(loaded, method, **options)(x, target, **call)


def export(model: Model | str | Path, method: str | Composite, path: str | Path, **options: Any) -> None:
    """Write a model that explains itself; the options are those of `onnxplain.run.export.export`.

    Inputs: the model's, and `target`, int64 [N], with -1 for the predicted class. Outputs: the scores, `attribution`,
    and with heatmap=True `heatmap`. Any ONNX runtime runs the file, with any number of rows.
    """
    from onnxplain.run.export import export as write

    write(model if isinstance(model, Model) else load(model), method, path, **options)


def methods() -> dict[str, str]:
    """Names of all methods, with one line each."""
    return {name: method.summary for name, method in METHODS.items()}


def _engine(engine: str | None, device: str, precision: str) -> str:
    if precision not in ("float32", "float64"):
        raise UsageError(f'precision {precision!r}: expected "float32" or "float64"')
    if device not in ("cpu", "cuda"):
        raise UsageError(f'device {device!r}: expected "cpu" or "cuda"')
    if device == "cuda":
        raise MissingExtraError('device="cuda": no engine of this version runs on a GPU; use device="cpu"')
    if engine is not None and engine not in ENGINES:
        raise UsageError(f"engine {engine!r}: this version has {', '.join(map(repr, ENGINES))}")
    if engine == "onnxruntime" and precision == "float64":
        raise UsageError('precision="float64": the engine "onnxruntime" computes in float32; use engine="numpy"')
    return engine or ("numpy" if precision == "float64" else "onnxruntime")
