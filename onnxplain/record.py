"""The record of an explanation: what is needed to make it again, and to show that it was made from these files.

A record holds plain JSON types only. Its keys are those of the TypedDicts below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple, NotRequired, TypedDict

import numpy as np

from onnxplain.arrays import name_of, sha256
from onnxplain.method.from_root import OnOtherForm, default_seed
from onnxplain.method.meaning import meaning
from onnxplain.method.registry import reads_baseline
from onnxplain.strict_json import strict
from onnxplain.versions import versions
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.arrays import Array
    from onnxplain.conservation import Conservation
    from onnxplain.feeds import Feeds
    from onnxplain.guard.engine import GuardedEngine
    from onnxplain.inputs.batch import Batch
    from onnxplain.method.request import Method, Request
    from onnxplain.model import Model
    from onnxplain.strict_json import Json
    from onnxplain.versions import Versions


class ModelRecord(TypedDict):
    """The file: its path (None for a model in memory), its sha256, and what of it is explained.

    A model that is known by its answers alone has neither path nor sha256, but a `predictor`: its name, what its
    answers mean, how many rows it was asked for twice (see `onnxplain.engines.answers.Repeated`), and its address.

    sha256: of the file and its external data, see `onnxplain.graph.load.Identity`. file_sha256: of the file alone.
    scores: name of the value that is explained; output: of the output that the file computes from it; other_outputs: of
    those that are not explained. input: of the explained input. fixed: values of constant ones. features: of columns.
    sound: only where it is stated what waveforms it takes, the fields of an `onnxplain.inputs.Sound`, and the shape of
    the input as the file states it.
    """

    path: str | None
    sha256: str | None
    file_sha256: str | None
    scores: str
    output: str
    other_outputs: list[str]
    input: str
    fixed: dict[str, Json]
    features: list[str] | None
    sound: NotRequired[dict[str, Any]]
    predictor: NotRequired[dict[str, Any]]


class ArrayRecord(TypedDict):
    """An array: its shape, its type, and the sha256 of its bytes in C order."""

    sha256: str
    shape: list[int]
    dtype: str


class InputRecord(ArrayRecord):
    """The explained input: where each row came from, and the array that the model was given.

    files: for each row the sha256 of the file that it was read from, None for what was in memory. others: the arrays of
    the inputs that are not explained, and whether each has an entry for each row. preprocess: what made the array of
    pictures, None for an array that was taken as it is. notes: what else was done to the input.
    frames: only where rows are frames of files that have several: the number of each in its file, from 0.
    """

    names: list[str]
    files: list[str | None]
    others: dict[str, dict[str, Any]]
    preprocess: dict[str, Any] | None
    notes: list[str]
    frames: NotRequired[list[int | None]]


class EngineRecord(TypedDict):
    """What ran the walk: the engine's name, its precision, and onnxruntime's execution providers.

    threads: of an operator, None for as many as there are cores. asked: the providers that the model was loaded with;
    None for those of the engine.
    instead_of, because: only where onnxruntime refused what the engine of the model has compiled, so that another one
    ran; what it said.
    """

    name: str
    precision: str
    providers: list[str]
    threads: int | None
    asked: Json
    instead_of: NotRequired[str]
    because: NotRequired[str]


class Origin(TypedDict):
    """What every record states: the model, the input, what ran, and the versions of all that took part.

    cut: the operators behind the scores, such as a softmax, that are not explained. passes: in how many places each
    pass changed the graph. walked: how many nodes of the file are walked in a way of their own, by operator and way;
    all others are walked by the facts of their operator. parity: the fields of `onnxplain.guard.parity.Parity`; None
    where the file was not run.
    """

    model: ModelRecord
    cut: list[str]
    passes: dict[str, int]
    walked: dict[str, int]
    input: InputRecord
    engine: EngineRecord
    parity: Json
    versions: Versions


class BaselineRecord(TypedDict, total=False):
    """The baseline of a method that reads one: a number, or the shape and the sha256 of an array.

    rows: which row of the array each explained row was compared with, where there is one for each.
    For token ids it may be {"embedding": "zeros"}, or the word and the id of a token.
    """

    baseline: Json


class Record(Origin):
    """The record of one explanation; that of several inputs differs as `onnxplain.joint_record` says.

    explained: the name of the value that is attributed to. layer: that name where it was asked for, else None.
    target: the class index of each row, or the fields of a Neuron. baseline: only where the method reads one (see
    BaselineRecord). attribution: the array that was found. conservation: how much of the explained number arrived (see
    `onnxplain.conservation.Conservation`), None for a method that shares none out. meaning: what has to be known of the
    numbers (see `onnxplain.method.meaning`), such as what a derivative is taken for in a quantised network.
    """

    explained: str
    layer: str | None
    method: str
    smooth: Json
    parameters: Json
    target: Json
    seed: Json
    baseline: NotRequired[Json]
    attribution: ArrayRecord
    conservation: Json
    meaning: list[str]


class Asked(NamedTuple):
    """What an explainer was asked besides its method: the layer to attribute to, and sigma of the smoothing."""

    layer: str | None
    smooth: float


def make_record(
    method: Method,
    request: Request,
    target: Array | Neuron,
    feeds: Feeds,
    attribution: Array,
    asked: Asked,
    kept: Conservation | None,
) -> Record:
    """Return what an explanation was made from, what was asked, and by which sha256 its attribution is known.

    target: the class index of each row, or the Neuron. kept: what became of the number that was shared out.
    """
    spec, seed = method.spec, request.objective.seed
    found: Record = strict(
        {
            **made_from(method.model, request.batch, method.engine, method.parameters),
            "explained": _explained(method, asked.layer),
            "layer": asked.layer,
            "method": spec.name,
            "smooth": plain(asked.smooth),
            "parameters": plain(method.parameters),
            "target": plain(target),
            "seed": plain(default_seed(method) if seed is None else seed),
            **_baseline(method, request, feeds),
            "attribution": array_record(attribution),
            "conservation": None if kept is None else kept.to_dict(),
            "meaning": [*method.model.caveats, *meaning(method.model.canonical, method.plan)],
        }
    )
    return found


def _explained(method: Method, layer: str | None) -> str:
    """Return the name of the value that is attributed to: the input itself for a method that walks nothing."""
    if method.plan is None:
        return str(method.model.explained_input.name)
    return layer or method.model.root


def _baseline(method: Method, request: Request, feeds: Feeds) -> BaselineRecord:
    if not reads_baseline(method.spec, method.parameters):
        return {}
    if isinstance(method, OnOtherForm):
        stated = method.stated(request)
    else:
        given = feeds.numbers(request.batch, request.baseline)
        stated = {"shape": list(given.shape), "sha256": sha256(given)} if given.ndim else plain(given)
    x, shape = request.batch.x, stated.get("shape") if isinstance(stated, dict) else None
    each = isinstance(shape, list) and shape[0] == len(x) > 1 and len(shape) >= x.ndim and not method.spec.background
    return {"baseline": {**stated, "rows": list(range(len(x)))} if each and isinstance(stated, dict) else stated}


def made_from(model: Model, batch: Batch, engine: GuardedEngine, parameters: Iterable[str] = ()) -> Origin:
    """Return what a result was made from: model and input by their sha256, passes, engine and versions.

    parameters: the names of those of the method.
    """
    return {
        "model": _model(model),
        "cut": list(model.canonical.cut),
        "passes": model.canonical.changes,
        "walked": model.canonical.ways,
        "input": input_record(model, batch),
        "engine": _engine(model, engine),
        "parity": None if engine.parity is None else asdict(engine.parity),
        "versions": versions(model.device, parameters, dicom=batch.dicom),
    }


def _model(model: Model) -> ModelRecord:
    record: ModelRecord = {
        **model.known_by,  # type: ignore[typeddict-item]  # it has path, sha256 and file_sha256
        "scores": model.canonical.scores,
        "output": model.canonical.output,
        "other_outputs": list(model.canonical.others),
        "input": model.explained_input.name,
        "fixed": {name: plain(value) for name, value in model.canonical.fixed.items()},
        "features": None if model.features is None else list(model.features),
    }
    if model.sound is not None:
        record["sound"] = {**model.sound.to_dict(), "shape": plain(model.input_shape)}
    return record


def input_record(model: Model, batch: Batch) -> InputRecord:
    """Return what is known of the explained input of a model."""
    known = array_record(batch.x)
    record: InputRecord = {
        "names": list(batch.names),
        "files": list(batch.hashes),
        "others": {n: {**array_record(v), "by_row": n in batch.by_row} for n, v in batch.others.items()},
        "sha256": known["sha256"],
        "shape": known["shape"],
        "dtype": known["dtype"],
        "preprocess": model.preprocess.to_dict() if model.preprocess and batch.preprocessed else None,
        "notes": list(batch.notes),
    }
    if any(each is not None for each in batch.frames):
        record["frames"] = list(batch.frames)
    return record


def array_record(array: Array) -> ArrayRecord:
    """Return what a record says of an array."""
    array = np.char.encode(array.astype(str), "utf-8") if array.dtype.kind == "O" else array  # a row of a table
    return {"sha256": sha256(array), "shape": list(array.shape), "dtype": name_of(array.dtype)}


def _engine(model: Model, engine: GuardedEngine) -> EngineRecord:
    record: EngineRecord = {
        "name": model.engine,
        "precision": model.precision,
        "providers": list(engine.providers),
        "threads": model.settings.threads,
        "asked": plain(model.settings.providers),
    }
    if engine.fallback:
        record |= {"name": "numpy", "instead_of": model.engine, "because": engine.fallback}
    return record


def plain(value: object) -> Json:
    """Return a value in JSON's types, from which it can be made again; a rule or a composite as it is printed."""
    if isinstance(value, (np.ndarray, np.generic)):
        listed: Json = value.tolist()
        return listed
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, Neuron):
        return plain(vars(value))
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)
