"""Restoring what an explanation was made from, by its record: model, inputs, baseline and target, each checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.arrays import sha256
from onnxplain.errors import BadInputError, UsageError
from onnxplain.explanation import Explanation
from onnxplain.files import read_text, regular
from onnxplain.joint_record import TOGETHER
from onnxplain.model import Model
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds, Inputs
    from onnxplain.inputs.batch import Batch

NEEDED = ("model", "input", "engine", "method", "parameters", "target", "attribution", "versions")
"""The keys of a record without which nothing is explained again."""

_ROW = re.compile(r"(.*)\[(\d+)\]")
_DIGITS = 12  # of a sha256, enough to tell two apart


@dataclass(frozen=True)
class Saved:
    """A record, with the attributions that it is of, one for each explained input, where they are at hand."""

    record: dict[str, Any]
    attributions: tuple[Array, ...] = ()


# --- the record ---------------------------------------------------------------------------------------------------


def read_saved(given: str | Path | Mapping[str, Any] | Explanation) -> Saved:
    """Return a record, from a .json or an .npz that was saved, a dict, or an explanation."""
    if isinstance(given, Explanation):
        return Saved(_checked(dict(given.record), "the explanation"), tuple(given.attributions.values()))
    if isinstance(given, Mapping):
        return Saved(_checked(dict(given), "the record"))
    path = regular(given, "a record, .json or .npz")
    if path.suffix.lower() == ".npz":
        return _of_arrays(path)
    try:
        record = json.loads(read_text(path, "a record, .json or .npz"))
    except ValueError as problem:
        raise BadInputError(f"{path}: no JSON ({problem}); expected the record of an explanation") from problem
    record, beside = _checked(record, str(path)), path.with_suffix(".npz")
    if beside.is_file():
        arrays = _of_arrays(beside)
        if found_of(arrays.record) == found_of(record):
            return Saved(record, arrays.attributions)
    return Saved(record)


def _of_arrays(path: Path) -> Saved:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            record = _checked(json.loads(str(arrays["record"])), str(path))
            names = [f"attribution:{name}" for name in record.get("attributions", ())] or ["attribution"]
            return Saved(record, tuple(arrays[name] for name in names))
    except (OSError, ValueError, KeyError) as problem:
        raise BadInputError(
            f"{path}: no explanation that was saved ({problem}); expected its .npz or .json"
        ) from problem


def _checked(record: Any, name: str) -> dict[str, Any]:
    """Return a record. Raises BadInputError where a key that a replay needs is missing, and for that of a part."""
    needed = [key for key in NEEDED if key != "attribution" or "attributions" not in record]
    missing = [key for key in needed if not isinstance(record, dict) or key not in record]
    if missing:
        raise BadInputError(f"{name} is no record of an explanation: it has no {', '.join(map(repr, missing))}")
    if TOGETHER in record:
        names = ", ".join(map(repr, record[TOGETHER]))
        raise BadInputError(f"{name} is of one of {names}, which were explained together; replay the record of all")
    found: dict[str, Any] = record
    return found


def found_of(record: Mapping[str, Any]) -> Any:
    """Return what a record says of the attribution or, of several inputs, of each."""
    return record.get("attributions", record.get("attribution"))


# --- what it was made from ----------------------------------------------------------------------------------------


def restore_model(record: Mapping[str, Any], load: Callable[..., Model], given: Model | str | Path | None) -> Model:
    """Return the model of a record. Raises BadInputError where it is missing, or another one."""
    known = record["model"]
    if known["sha256"] is None:
        raise BadInputError(
            f"the predictor {known['predictor']['name']!r} is known by its answers alone, and its record cannot be "
            "replayed: nothing shows whether a model that answers now is the one that was explained"
        )
    if isinstance(given, Model):
        _check_file(given, known)
        return given
    path = known["path"] if given is None else given
    if path is None:
        raise BadInputError("the model was in memory: give it, as model= or --model")
    ways = {name: each["preprocess"] for name, each in record.get("inputs", {}).items() if each["preprocess"]}
    options = {
        "preprocess": (ways or None) if "inputs" in record else record["input"]["preprocess"],
        "precision": record["engine"]["precision"],
        "output": known["output"],
        "fixed": known.get("fixed") or None,
        "features": known.get("features") or None,
        "rate": {name: value for name, value in known.get("sound", {}).items() if name != "shape"} or None,
        "threads": record["engine"].get("threads"),
    }
    ran = {"engine": record["engine"]["name"], "providers": _providers(record["engine"].get("asked"))}
    try:
        model = _with_input(load, path, known, options | ran)
    except UsageError:  # this machine does not have what it ran on
        model = _with_input(load, path, known, options)
    _check_file(model, known)
    return model


def _with_input(load: Callable[..., Model], path: Any, known: Mapping[str, Any], options: dict[str, Any]) -> Model:
    """Return a model that explains the input, or the inputs, that a record names: by itself, or else by input=."""
    if "inputs" in known:
        return load(path, input=known["inputs"], **options)
    name = known.get("input")
    try:
        model = load(path, **options)
        if name is None or model.explained_input.name == name:
            return model
    except UsageError:
        if name is None:
            raise
    return load(path, input=name, **options)


def _providers(asked: Any) -> Any:
    return None if asked is None else [each if isinstance(each, str) else tuple(each) for each in asked]


def _check_file(model: Model, known: Mapping[str, Any]) -> None:
    if model.sha256 != known["sha256"]:
        raise BadInputError(
            f"{model.path or 'the model'} is not the file that was explained: its sha256 begins with "
            f"{model.sha256[:_DIGITS]}, and the record's with {known['sha256'][:_DIGITS]}"
        )


def restore_method(record: Mapping[str, Any], given: Any) -> Any:
    """Return the method. Raises UsageError for a composite of the user's own, which no record restores."""
    if given is None and record["method"] == "composite":
        raise UsageError("the method was a composite, which a record only prints: give it as method=")
    of = record["parameters"].get("of")
    if given is None and isinstance(of, str) and of.startswith("Composite("):
        raise UsageError("the method averaged a composite, which a record only prints: give an Explainer's method=")
    return record["method"] if given is None else given


def restore_target(stated: Any) -> Any:
    """Return the target: a class index for each row, or a value within the network."""
    if not isinstance(stated, dict):
        return stated
    position = stated["position"]
    return Neuron(stated["tensor"], stated["channel"], tuple(position) if isinstance(position, list) else position)


def restore_baseline(record: Mapping[str, Any], given: Any) -> Any:
    """Return the baseline. Raises BadInputError for an array, of which the record has the sha256 alone."""
    stated = record.get("baseline")
    if not isinstance(stated, dict):
        return stated if given is None else given
    if "inputs" in stated and given is None:
        return {name: restore_baseline({"baseline": each}, None) for name, each in stated["inputs"].items()}
    if "sha256" in stated and given is None:
        raise BadInputError(
            f"the baseline was an array of shape {stated['shape']}: give it, as baseline= or --baseline"
        )
    if given is not None:
        return given
    return "zeros" if "embedding" in stated else stated.get("id")


def check_baseline(record: Mapping[str, Any], e: Explanation) -> None:
    """Raise BadInputError where another baseline was given."""
    _check_stated(record.get("baseline"), e.record.get("baseline"))


def _check_stated(then: Any, now: Any) -> None:
    if isinstance(then, dict) and isinstance(now, dict) and "inputs" in then:
        for name, each in then["inputs"].items():
            _check_stated(each, now["inputs"][name])
    stated, found = (each.get("sha256") if isinstance(each, dict) else None for each in (then, now))
    whole = isinstance(then, dict) and "rows" in then and then["rows"] != list(range(then["shape"][0]))
    if stated and found != stated and not whole:
        raise BadInputError("the baseline is not the array that was compared with: its sha256 is another one")


def restore_batch(record: Mapping[str, Any], feeds: Feeds, given: Inputs | None) -> Batch:
    """Return the rows that were explained. Raises BadInputError where they are missing, or others."""
    known = record["input"]
    batch = _from_files(record, feeds) if given is None else feeds.read(given)
    others = {name: sha256(value) for name, value in batch.others.items()}
    for name, stated in known.get("others", {}).items():
        if others.get(name) != stated["sha256"]:
            raise BadInputError(f"the input {name!r} is not the array that was given: its sha256 is another one")
    if "inputs" not in record:
        _check_rows(known, batch, "inputs=" if given is not None else "")
    for name, own in record.get("inputs", {}).items():
        _check_rows(own, batch.parts[name], f"the input {name!r}" if given is not None else "")
    return batch


def _check_rows(known: Mapping[str, Any], batch: Batch, given: str) -> None:
    """Raise BadInputError where rows are not those that were explained. given: what was given in their place, if."""
    if given and all(each is None for each in known["files"]) and sha256(batch.x) != known["sha256"]:
        raise BadInputError(f"{given} is not what was explained: its sha256 is another one")
    for name, then, now in zip(known["names"], known["files"], batch.hashes, strict=False):
        if then is not None and then != now:
            raise BadInputError(f"{name} is not the file that was explained: its sha256 is another one")
    if len(batch.x) != len(known["names"]):
        raise BadInputError(f"{len(batch.x)} rows were read, and {len(known['names'])} were explained")


def _from_files(record: Mapping[str, Any], feeds: Feeds) -> Batch:
    """Return the rows of the files that a record names, in its order."""
    known = record["input"]
    if known.get("others"):
        raise BadInputError(f"the inputs {', '.join(map(repr, known['others']))} were in memory: give all, as inputs=")
    own = record.get("inputs", {record["model"].get("input"): known})
    return feeds.read_rows({n: _paths(each) for n, each in own.items()}, {n: each["names"] for n, each in own.items()})


def _paths(known: Mapping[str, Any]) -> Any:
    """Return the path, or the paths, of the files that rows came from. Raises BadInputError for what was in memory."""
    lost = [name for name, digest in zip(known["names"], known["files"], strict=True) if digest is None]
    if lost:
        raise BadInputError(f"{', '.join(lost[:3])}: it was in memory; give it, as inputs= or --input")
    paths = list(dict.fromkeys(map(_path, known["names"])))
    return paths if len(paths) > 1 else paths[0]


def _path(name: str) -> str:
    """Return the path of a row's file: its name, without the number of the row."""
    found = None if Path(name).is_file() else _ROW.fullmatch(name)
    return found[1] if found else name
