"""The public functions: load a file, explain an input, compare and judge explanations, list methods and measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from onnxplain.comparison import COMPARED, compare_methods
from onnxplain.engines.choice import choose
from onnxplain.errors import UsageError
from onnxplain.explainer import Explainer
from onnxplain.fitting import fitted
from onnxplain.graph.load import read
from onnxplain.graph.runtime import available_providers
from onnxplain.graph.settings import Provider, Settings
from onnxplain.guard.parity import known_mode
from onnxplain.inputs import Sound
from onnxplain.inputs.content import bytes_of, is_loose
from onnxplain.inputs.names import read_names
from onnxplain.inputs.text import text_reader
from onnxplain.inputs.vocabulary import read_vocabulary
from onnxplain.limits import Limits
from onnxplain.measure import DEFAULT as DEFAULT_MEASURE
from onnxplain.measure import MEASURES
from onnxplain.method.parameters import described
from onnxplain.method.registry import DEFAULT, METHODS, find
from onnxplain.model import Model
from onnxplain.passes import canonicalise, stepwise
from onnxplain.passes.guard import guarded
from onnxplain.plan.roots import chosen_inputs, with_rows_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import onnx
    from numpy.typing import ArrayLike

    from onnxplain.arrays import Array
    from onnxplain.comparison import Comparison
    from onnxplain.explanation import Explanation
    from onnxplain.feeds import Inputs
    from onnxplain.inputs import Preprocess, Source
    from onnxplain.inputs.content import Content
    from onnxplain.inputs.text import TextReader
    from onnxplain.measure.evaluation import Evaluation
    from onnxplain.measure.judged import Ways
    from onnxplain.measure.result import Measure
    from onnxplain.method.naming import Methods
    from onnxplain.method.parameters import Parameters
    from onnxplain.plan.composite import Composite
    from onnxplain.replaying import Replay
    from onnxplain.walk.objective import Target

    Models: TypeAlias = Model | str | Path | Sequence[Model | str | Path] | Mapping[str, Model | str | Path]
    """One model or several: what `load` returns, paths, a list of these, or a dict of names for these."""


def load(
    source: Content | onnx.ModelProto,
    *,
    preprocess: Content | Mapping[str, Any] | Preprocess | None = None,
    labels: Content | Sequence[str] | None = None,
    features: Content | Sequence[str] | Mapping[str, Any] | None = None,
    vocabulary: Content | Sequence[str] | None = None,
    rate: int | Mapping[str, Any] | Sound | None = None,
    device: str | None = None,
    engine: str | None = None,
    precision: str = "float32",
    input: str | Sequence[str] | None = None,  # noqa: A002
    output: str | None = None,
    fixed: Mapping[str, ArrayLike] | None = None,
    limits: Limits | Mapping[str, Any] | None = None,
    parity: str = "first",
    providers: Sequence[Provider] | str | None = None,
    threads: int | None = None,
) -> Model:
    """Read an ONNX file or a proto, and prepare it for explaining. A file is a path, bytes or open, here as below.

    preprocess: "imagenet", "tf", "raw", a dict, a JSON file (also HuggingFace's and timm's), or None for arrays only.
    labels, features, vocabulary: names of classes, columns, token ids: a list, a file, or a tokenizer (reads texts).
    A single sigmoid may have two labels: of what it decides for below 1/2, and of its class.
    rate: samples a second of the waveforms that it takes, for WAV files; or a `Sound`, which says more of them.
    device: "cpu", "cuda", or None for the GPU where there is one. providers, threads: those of onnxruntime.
    engine: "onnxruntime" or "numpy" on a CPU, "cupy" or "cudnn" on a GPU. precision: "float32", or "float64" for the
    exact reference. output, input: names, if several; a list, or "all", explains these inputs together. fixed: values
    of inputs that are settings, which are folded. limits: how much is read, {"nodes": 200000}; see `onnxplain.limits`.
    parity: when the output of the untouched file, which has to agree, is compared: "first" rows, "always", "never".

    Raises BadInputError for a file that is no ONNX model, UnsupportedModelError for one that cannot be prepared.
    """
    bounds, settings = Limits.of(limits), Settings.of(providers, threads, available_providers())
    about: dict[str, Any] = {"limits": bounds, "parity": known_mode(parity), "settings": settings}
    about |= {"engine": choose(engine, device, precision, settings), "precision": precision, "sound": Sound.of(rate)}
    with bounds.hold(), replace(settings, providers=None).hold():  # what loading computes, it does on the CPU
        known = read_vocabulary(vocabulary)
        about |= {"labels": read_names(labels), "vocabulary": known.words, "reader": text_reader(known)}
        return fitted(_prepared(source, input, output, fixed, **about), preprocess, features)


def explain(
    model: Model | str | Path,
    x: Inputs,
    method: str | Composite | None = None,
    target: Target | Array = None,
    **options: Any,
) -> Explanation:
    """Explain one input or a batch, by default by the method that fits the model, see `Explainer`.

    For many calls build an `Explainer` once; `options` go to it and to its call.
    """
    call = {name: options.pop(name) for name in ("seed", "book") if name in options}
    return Explainer(_loaded(model), method, **options)(x, target, **call)


def compare(
    model: Models,
    inputs: Source,
    methods: Methods = COMPARED,
    target: Target | Array = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    targets: Sequence[Target] | None = None,
    **common: Any,
) -> Comparison:
    """Explain each input by each method, side by side: `.save(path)` draws the grid, `.rows` are the explanations.

    model: one, or several as a list or a dict of names: then each has a row for an input, all are explained for the
    same class (by default the one that the first predicts), and `.correlations` says how like their maps are.
    inputs: a picture, a path, an array, or a list of these. methods: names of `methods()`, composites, or a dict of
    names for these. targets: several targets, such as ["dog", "cat"], instead of `target`: each has a row for an input.
    options: a method's name -> keywords of its `Explainer`, and seed. common: such keywords for all: baseline, layer,
    smooth and seed, and any parameter, which goes to every method that has it. A method that cannot explain the model
    takes its place with the reason.
    """
    return compare_methods(_several(model), inputs, methods, target, options, targets, **common)


def replay(
    record: str | Path | Mapping[str, Any] | Explanation,
    model: Model | str | Path | None = None,
    inputs: Inputs | None = None,
    *,
    baseline: Any = None,
    method: Composite | None = None,
) -> Replay:
    """Explain again what a record states, and say whether the attribution has the same bits: `.same`.

    record: a .json or .npz that was saved, its content, or an explanation. model, inputs, baseline: in the place of
    those that the record names, where they have moved or were in memory; they have to have the sha256 that it states.
    method: a composite, which a record cannot restore. Where the bits are others, `.distance` says how far they are
    apart, if the old array lies beside the record, and `.differences` what is otherwise: versions, engine, graph.

    Raises BadInputError where a model or an input is missing, or is another one.
    """
    from onnxplain.replaying import replay_record

    return replay_record(record, load, model, inputs, baseline, method)


def export(model: Model | str | Path, method: str | Composite, path: str | Path, **options: Any) -> None:
    """Write a model that explains itself; the options are those of `onnxplain.exporting.export_explained`.

    Inputs: the model's, and `target`, int64 [N], with -1 for the predicted class. Outputs: the scores, `attribution`,
    and with heatmap=True `heatmap`. Any ONNX runtime runs the file, with any number of rows.
    """
    from onnxplain.exporting import export_explained

    export_explained(_loaded(model), method, path, **options)


def evaluate(
    model: Model | str | Path,
    x: Inputs,
    methods: Ways = (DEFAULT,),
    measures: Iterable[str | Measure] | str = (DEFAULT_MEASURE,),
    target: Target | Array = None,
    *,
    baseline: ArrayLike | None = None,
    random_seed: int = 0,
    masks: ArrayLike | None = None,
    **options: object,
) -> Evaluation:
    """Judge explanations by measures. `random`, a control, is always judged too.

    The result prints as a table; its `.plot()` draws curves with bands, and `.to_json(path)` writes all numbers.
    x: as in `explain`, and folders. methods: names, composites, or functions that take a model and return an
    explainer, which takes the inputs by name and a class index per row (`Explainer` is one); or a dict of names for
    these. measures: names of `measures()`; `options` are theirs, each goes to every measure that has it. baseline: a
    number or an array like one row, for methods and measures.
    random_seed: the same seed gives the same numbers, and all methods meet the same random numbers.
    masks: where the object of each row is, for the measures that compare with annotations: booleans in the shape of the
    relevance, [H, W] for all rows or [N, H, W], or boxes, as `region` takes them.
    """
    from onnxplain.measure.evaluate import evaluate as judge

    chosen = {"baseline": baseline, "random_seed": random_seed, "masks": masks}
    return judge(_loaded(model), x, methods, measures, target, **chosen, **options)  # type: ignore[arg-type]


def measures() -> dict[str, str]:
    """Return the names of all measures of `evaluate`, with one line each."""
    return {name: (measure.__doc__ or "").splitlines()[0] for name, measure in MEASURES.items()}


def parameters(method: str) -> Parameters:
    """Return the parameters of a method by name: meaning, unit, range and default of each. It prints as a list.

    Those of every explainer (`baseline`, `layer`, `smooth`) are not among them. Raises UsageError for an unknown name.
    """
    return described(find(method))


def methods() -> dict[str, str]:
    """Return the names of all methods, with one line each."""
    return {name: method.summary for name, method in METHODS.items()}


def _loaded(model: Any) -> Model:
    return model if isinstance(model, Model) else load(model)


def _several(given: Models) -> dict[str, Model]:
    """Return one model or several by name: as in a dict, or by the names of their files, or else by their places.

    Raises UsageError where none is given.
    """
    if isinstance(given, Mapping):
        return {name: _loaded(each) for name, each in given.items()}
    one = isinstance(given, (Model, str, Path)) or is_loose(given)
    listed = [given] if one else list(cast("Sequence[Any]", given))
    models = [_loaded(each) for each in listed]
    if not models:
        raise UsageError("compare needs at least one model")
    return dict(zip(_model_names([each.path for each in models]), models, strict=True))


def _model_names(paths: Sequence[str | None]) -> list[str]:
    """Return a name for each model: that of its file, the whole path where two files have one name, or its place."""
    files = [each and Path(each).name for each in paths]
    names = [path if files.count(file) > 1 else file for path, file in zip(paths, files, strict=True)]
    return [name if name and names.count(name) == 1 else f"model {i}" for i, name in enumerate(names)]


def _prepared(
    source: Content | onnx.ModelProto,
    wanted: str | Sequence[str] | None,
    output: str | None,
    fixed: Mapping[str, ArrayLike] | None,
    reader: TextReader | None,
    **about: Any,
) -> Model:
    """Return the model of a file or a proto. wanted: what it explains. reader, about: further fields of `Model`."""
    source = bytes_of(source, "an ONNX file") if is_loose(source) else source
    proto, identity = read(source)
    path = str(source) if isinstance(source, (str, Path)) else None
    canonical = canonicalise(proto, output=output, fixed=fixed)
    together = chosen_inputs(canonical.graph, canonical.scores, wanted, canonical.inputs)
    one = together[0] if together else cast("str | None", wanted)
    about |= {"reader": reader, "input": one, "together": together if len(together) > 1 else ()}
    with guarded("finding the axis of its rows"):
        canonical = stepwise(with_rows_first(canonical, one, together))
    return Model(path=path, identity=identity, source=source, canonical=canonical, **about)
