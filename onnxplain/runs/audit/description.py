"""The description of an audit, a TOML file: a model, data, what is explained of them and how, and the gates.

    [model]                    # what `onnxplain.load` takes; "file" is the path of the model
    file = "model.onnx"
    preprocess = "imagenet"
    labels = "labels.txt"

    [data]
    inputs = "photos"          # what a run takes: a folder, a table, an array
    truth = "folders"          # or a .csv with the columns name and label; may be left out

    [explain]                  # what `onnxplain.run` takes
    method = "lrp.epsilon_plus_flat"

    [gates.marker]             # a gate for each name: a measure, its options, and a bound
    measure = "region"
    masks = "masks/{stem}.png"
    at_most = 0.05
    over = "worst"

Paths are relative to the folder of the file.
"""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import BadInputError, UsageError
from onnxplain.inputs import PRESETS
from onnxplain.measure import MEASURES, needs_masks
from onnxplain.runs.audit.agreement import Agreement
from onnxplain.runs.audit.by_model import Failed, Judged, Parity
from onnxplain.runs.audit.by_row import (
    Accuracy,
    Completeness,
    PointingGame,
    Probability,
    Region,
    RelevanceMass,
    RelevanceRank,
)
from onnxplain.runs.audit.gate import OVER, Bound
from onnxplain.runs.audit.keys import check_explain, check_model, check_options
from onnxplain.text import offer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.runs.audit.audited import RowMeasure, RunMeasure

KINDS: dict[str, type[Any]] = {
    "accuracy": Accuracy,
    "agreement": Agreement,
    "completeness": Completeness,
    "failed": Failed,
    "parity": Parity,
    "pointing_game": PointingGame,
    "probability": Probability,
    "region": Region,
    "relevance_mass": RelevanceMass,
    "relevance_rank": RelevanceRank,
}
"""The measures of gates by name; beside them, those of `onnxplain.measures()` that need no masks."""
_JUDGED = [name for name, measure in MEASURES.items() if name not in KINDS and not needs_masks(measure)]
_OF_GATES = ("measure", "at_least", "at_most", "over")
_TABLES = ("model", "data", "explain", "gates")


@dataclass(frozen=True)
class Gate:
    """A gate: its name, the name of its measure with the measure itself, its bound, and a word of OVER."""

    name: str
    kind: str
    measure: RowMeasure | RunMeasure
    bound: Bound
    over: str


@dataclass(frozen=True)
class Description:
    """What a file of an audit says.

    base: its folder. model: the path of the model. load, run: what is given to `onnxplain.load` and `onnxplain.run`.
    inputs: the path of the data. truth: see `onnxplain.runs.audit.truth`.
    """

    base: Path
    model: Path
    load: Mapping[str, Any]
    inputs: Path
    truth: str | None
    run: Mapping[str, Any]
    gates: tuple[Gate, ...]


def read_description(path: str | Path) -> Description:
    """Return what the file of an audit says.

    Raises BadInputError, which names the file and the key, where it cannot be read or says what it must not.
    """
    try:
        with Path(path).open("rb") as file:
            given = tomllib.load(file)
        return _described(given, Path(path).parent)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise BadInputError(f"{path}: this is no TOML ({problem})") from problem
    except OSError as problem:
        raise BadInputError(f"{path}: cannot be read: {problem.strerror}") from problem
    except UsageError as problem:
        raise BadInputError(f"{path}: {problem}") from problem


def _described(given: Mapping[str, Any], base: Path) -> Description:
    for name in given:
        if name not in _TABLES:
            raise UsageError(f"unknown table [{name}]; {offer(name, _TABLES)}")
    model, data = dict(_table(given, "model")), dict(_table(given, "data"))
    file, inputs = (_text(t, key, where) for t, key, where in ((model, "file", "model"), (data, "inputs", "data")))
    explained = dict(_table(given, "explain")) if "explain" in given else {}
    check_model(model)
    check_explain(explained)
    truth = data.pop("truth", None)
    if not isinstance(truth, (str, type(None))):
        raise UsageError(f'truth = {truth!r} in [data]: expected "folders" or the path of a .csv of names and labels')
    if data:
        raise UsageError(f"unknown key {next(iter(data))!r} in [data]; expected inputs and truth")
    gates = _table(given, "gates")
    if not gates:
        raise UsageError("[gates] is empty, and an audit without a gate says nothing")
    load = {name: _path(value, name, base) for name, value in model.items()}
    found = tuple(_gate(name, _table(gates, name, "gates.")) for name in gates)
    for each in found:
        if isinstance(each.measure, Accuracy) and truth is None:
            raise UsageError(
                f'[gates.{each.name}] accuracy needs true labels: truth = "folders" or a .csv, under [data]'
            )
    return Description(base, base / file, load, base / inputs, truth, explained, found)


def _table(given: Mapping[str, Any], name: str, inside: str = "") -> Mapping[str, Any]:
    found = given.get(name)
    if not isinstance(found, dict):
        raise UsageError(f"expected a table [{inside}{name}]")
    return found


def _text(table: dict[str, Any], key: str, where: str) -> str:
    found = table.pop(key, None)
    if not isinstance(found, str) or not found:
        raise UsageError(f"[{where}] needs {key} = a path")
    return found


_FILES = ("preprocess", "labels", "features", "vocabulary")


def _path(value: Any, name: str, base: Path) -> Any:
    """Return a value of [model]; the path of a file relative to the description, wherever the command runs."""
    is_path = name in _FILES and isinstance(value, str) and not (name == "preprocess" and value in PRESETS)
    return str(base / value) if is_path else value


def _gate(name: str, given: Mapping[str, Any]) -> Gate:
    """Return a gate of its table. Raises UsageError, which names it, for what it must not say."""
    try:
        kind, over = given.get("measure", name), _over(given)
        bound = Bound(given.get("at_least"), given.get("at_most"))
        options = {key: value for key, value in given.items() if key not in _OF_GATES}
        return Gate(name, kind, _measure(kind, options), bound, over)
    except UsageError as problem:
        raise UsageError(f"[gates.{name}] {problem}") from problem


def _over(given: Mapping[str, Any]) -> str:
    found = given.get("over", "mean")
    if found not in OVER:
        raise UsageError(f"over = {found!r}: expected {', '.join(OVER)}")
    return str(found)


def _measure(kind: str, options: dict[str, Any]) -> RowMeasure | RunMeasure:
    if not isinstance(kind, str):
        raise UsageError(f"measure = {kind!r}: expected the name of a measure")
    if kind in _JUDGED:
        own = {key: options.pop(key) for key in ("quantity", "rows") if key in options}
        return Judged(kind, options=options, **own)
    if kind not in KINDS:
        raise UsageError(f"unknown measure {kind!r}; {offer(kind, (*KINDS, *_JUDGED))}")
    check_options(KINDS[kind], kind, options)
    for each in fields(KINDS[kind]):
        if each.default is MISSING and each.name not in options:
            raise UsageError(f"{kind} needs {each.name}")
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    made: RowMeasure | RunMeasure = KINDS[kind](**options)
    return made
