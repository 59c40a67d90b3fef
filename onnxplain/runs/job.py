"""The job of a run: all that is asked, and nothing of the machine, the place or the time.

Its canonical JSON is `job.json`; the SHA-256 of that file names the job. The same job has the same name everywhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import checks
from onnxplain.arrays import sha256
from onnxplain.errors import BadInputError, UsageError
from onnxplain.graph.external import external_files
from onnxplain.method.from_root import default_seed
from onnxplain.record import plain
from onnxplain.runs.encoded import decoded, digest, encoded, file_digest
from onnxplain.runs.sizes import sized
from onnxplain.runs.targets import PerRow
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from onnxplain.explainer import Explainer
    from onnxplain.model import Model

FORMAT = 1
"""The version of a run's folder. A reader refuses a later one."""
RELEVANCE, ATTRIBUTION = "relevance", "attribution"
"""What is stored of a row: see `onnxplain.runs.columns`."""
BY_FOLDER = "folder"
"""The kind of target by which each input is explained for the class that its folder is named after."""
BY_ROW = "rows"
"""The kind of target by which each row has one of its own, in a file of the run."""
NAME = "job.json"
COMPOSITE = "composite"
"""The name of the method where it is a composite of the user's own; its printed plan then says what it is."""
_NEEDED = ("format", "model", "inputs", "method", "target", "shard_size", "batch_size", "store")
_HARMLESS = ("model.name", "limits.")
"""The beginnings of the names of what moves no number."""
_LONGEST = 60


@dataclass(frozen=True)
class Asked:
    """What a run is asked besides its model, method and inputs.

    target: a class index, a label, a Neuron, an index for each row, or None for the class that is predicted for each
    row. by_folder: instead, the class that the folder of each input is named after. seed: what the walk starts from,
    None for the method's own. store: "relevance" or "attribution". shard_size: rows of a shard. batch_size: rows that
    are walked together; None chooses by the model, see `onnxplain.runs.sizes`.
    """

    target: Any = None
    by_folder: bool = False
    seed: str | None = None
    store: str = RELEVANCE
    shard_size: int | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        sizes = {"shard_size": self.shard_size, "batch_size": self.batch_size}
        checks.whole(**{name: size for name, size in sizes.items() if size is not None})
        if self.store not in (RELEVANCE, ATTRIBUTION):
            raise UsageError(f'store={self.store!r}: expected "{RELEVANCE}" or "{ATTRIBUTION}"')
        if self.by_folder and self.target is not None:
            raise UsageError("by_folder: each input is explained for the class of its folder; leave target out")
        kinds = (int, np.integer, str, Neuron, PerRow, type(None))
        if not isinstance(self.target, kinds) or isinstance(self.target, bool):
            raise UsageError(
                f"target={self.target!r}: expected an index, a label, a Neuron, or a list of an index for each row"
            )
        if not isinstance(self.seed, (str, type(None))):
            raise UsageError(f"seed={self.seed!r}: a run takes the name of a seed")


@dataclass(frozen=True)
class Job:
    """What a run is asked. asked: the content of job.json.

    model: name of the file, sha256 (of file and external data), file_sha256, external (the sha256 of the files with
    external data), input, output, fixed, features and vocabulary. inputs: sha256 of inputs.jsonl, its number of files,
    and of rows. method: name, parameters with the defaults among them, layer, smooth, conditions, baseline, seed, and
    of a composite the sha256 of its plan.
    preprocess, sound: all fields, None where nothing is stated.
    labels: their names and sha256. target: kind ("predicted", "class", "neuron", "folder", "rows") and value or sha256.
    engine: name, precision, providers and threads that were asked for. parity, limits, shard_size, batch_size, store.
    """

    asked: dict[str, Any]

    @property
    def id(self) -> str:
        """The SHA-256 of job.json, which names the job."""
        return digest(self.encoded)

    @property
    def encoded(self) -> bytes:
        """The bytes of job.json."""
        return encoded(self.asked)

    @property
    def rows(self) -> int:
        """How many rows there are to explain."""
        return int(self.asked["inputs"]["rows"])

    @property
    def shard_size(self) -> int:
        """How many rows a shard has; the last one may have fewer."""
        return int(self.asked["shard_size"])

    @property
    def batch_size(self) -> int:
        """How many rows are walked together: those at the places 0 to batch_size - 1 of the shard, and so on."""
        return int(self.asked["batch_size"])

    @property
    def store(self) -> str:
        """What is stored of a row: "relevance" or "attribution"."""
        return str(self.asked["store"])

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Names of the classes; None where none are known."""
        known = self.asked["labels"]
        return None if known is None else tuple(known["names"])

    @property
    def shards(self) -> int:
        """How many shards there are."""
        return -(-self.rows // self.shard_size)

    def rows_of(self, shard: int) -> range:
        """Return the indices of the rows of a shard."""
        return range(shard * self.shard_size, min((shard + 1) * self.shard_size, self.rows))

    def conflicts(self, other: Job) -> list[str]:
        """Return the differences that may move a number: not the model's name, limits, or what is stated there alone.

        So a job can be asked again by a later version, which may state more.
        """
        stated = dict(_leaves(self.asked))
        asked = {name: value for name, value in _leaves(other.asked) if name in stated}
        asked |= {name: value for name, value in stated.items() if name.startswith(_HARMLESS)}
        return [_line(name, stated, asked) for name in sorted(stated) if stated[name] != asked.get(name)]

    def differences(self, other: Job) -> list[str]:
        """Return a line for each thing that the other job asks otherwise: its name, here, and there."""
        here, there = dict(_leaves(self.asked)), dict(_leaves(other.asked))
        names = sorted({*here, *there})
        return [_line(name, here, there) for name in names if here.get(name) != there.get(name)]

    @classmethod
    def read(cls, data: bytes, name: str) -> Job:
        """Return the job of the bytes of a job.json. Raises BadInputError, which names the file, where it is none."""
        asked = decoded(data, name, "the job of a run")
        missing = [key for key in _NEEDED if key not in asked]
        if missing:
            raise BadInputError(f"{name}: it has no {', '.join(map(repr, missing))}; expected the job of a run")
        if asked["format"] != FORMAT:
            raise BadInputError(f"{name}: format {asked['format']!r}; this version of onnxplain reads format {FORMAT}")
        job = cls(asked)
        if job.encoded != data:
            raise BadInputError(f"{name}: not in canonical JSON, so its sha256 names no job; it was written anew")
        return job


def make_job(explainer: Explainer, asked: Asked, inputs: dict[str, Any]) -> Job:
    """Return the job of explaining inputs by an explainer. inputs: sha256, files and rows of their listing.

    Raises UsageError for targets by row that are of other inputs.
    """
    if isinstance(asked.target, PerRow):
        asked.target.check(inputs)
    model = explainer.model
    asked = sized(asked, model)
    return Job(
        {
            "format": FORMAT,
            "model": _model(model),
            "inputs": inputs,
            "method": _method(explainer, asked.seed),
            "preprocess": None if model.preprocess is None else plain(model.preprocess.to_dict()),
            "sound": None if model.sound is None else plain(model.sound.to_dict()),
            "labels": _names(model.labels, model.absent),
            "target": _target(asked),
            "engine": {
                "name": model.engine,
                "precision": model.precision,
                "providers": plain(model.settings.providers),
                "threads": model.settings.threads,
            },
            "parity": model.parity,
            "limits": asdict(model.limits),
            "shard_size": asked.shard_size,
            "batch_size": asked.batch_size,
            "store": asked.store,
        }
    )


def _model(model: Model) -> dict[str, Any]:
    return {
        "name": None if model.path is None else Path(model.path).name,
        "sha256": model.sha256,
        "file_sha256": model.identity.file_sha256,
        "external": _external(model),
        "input": model.explained_input.name,
        "output": model.canonical.output,
        "fixed": {name: plain(value) for name, value in model.canonical.fixed.items()},
        "features": None if model.features is None else list(model.features),
        "vocabulary": None if model.vocabulary is None else digest(encoded(list(model.vocabulary))),
    }


def _external(model: Model) -> dict[str, str]:
    """Return the sha256 of each file of external data by its name, relative to the model; none for one in memory."""
    if model.path is None or model.sha256 == model.identity.file_sha256:
        return {}
    return {name: file_digest(path) for name, path in external_files(model.path).items()}


def _method(explainer: Explainer, seed: str | None) -> dict[str, Any]:
    options = explainer.options
    return {
        "name": explainer.spec.name,
        "parameters": plain(explainer.parameters),
        "plan": digest(str(explainer.plan).encode()) if explainer.spec.name == COMPOSITE else None,
        "layer": explainer.layer,
        "smooth": float(explainer.smooth),
        "conditions": plain(options["conditions"]),
        "baseline": _baseline(options["baseline"]),
        "seed": default_seed(explainer.method) if seed is None else seed,
    }


def _baseline(given: Any) -> Any:
    """Return what a job says of a baseline: a number or a word as it is, of an array its shape and its sha256."""
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, Path):
        return {"file_sha256": file_digest(given)}
    array = np.asarray(given, np.float64)
    return float(array) if array.ndim == 0 else {"shape": list(array.shape), "sha256": sha256(array)}


def _names(labels: tuple[str, ...] | None, absent: str | None) -> dict[str, Any] | None:
    """Return the names of the classes with their sha256. absent: of what a single sigmoid decides against."""
    if labels is None:
        return None
    named = {"names": list(labels), "absent": absent}
    return {**named, "sha256": digest(encoded(named))}


def _target(asked: Asked) -> dict[str, Any]:
    if asked.by_folder:
        return {"kind": BY_FOLDER}
    if isinstance(asked.target, Neuron):
        return {"kind": "neuron", "value": plain(asked.target)}
    if isinstance(asked.target, PerRow):
        return {"kind": BY_ROW, "sha256": asked.target.sha256}
    if asked.target is None:
        return {"kind": "predicted"}
    return {"kind": "class", "value": asked.target if isinstance(asked.target, str) else int(asked.target)}


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value that is no object, with the path of keys that leads to it."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, f"{name}.{key}" if name else key)
    else:
        yield name, value


def _line(name: str, here: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    return f"{name}: {_short(here.get(name))} there, {_short(there.get(name))} now"


def _short(value: Any) -> str:
    text = encoded(value).decode()
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
