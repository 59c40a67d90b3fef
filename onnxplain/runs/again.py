"""Explaining rows of a run again: by an explainer that is made of the job alone, in the batches of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.api import load
from onnxplain.errors import BadInputError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.files import regular
from onnxplain.model import Model
from onnxplain.restoring import restore_method
from onnxplain.runs.encoded import file_digest
from onnxplain.runs.job import BY_ROW, Asked, make_job
from onnxplain.runs.targets import PerRow
from onnxplain.runs.work import Work, with_threads
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation
    from onnxplain.inputs.batch import Batch
    from onnxplain.runs.folder import Folder
from onnxplain.runs.job import Job


def model_of(job: Job, model: Model | str | Path) -> Model:
    """Return the model of a job, loaded as the job says. Raises BadInputError where it is another file."""
    stated = job.asked["model"]
    if not isinstance(model, Model):
        _check(model, file_digest(regular(model, "the model of the run")), stated["file_sha256"])
        engine, labels = job.asked["engine"], job.asked["labels"] or {"names": None, "absent": None}
        named = labels["names"] if labels["absent"] is None else [labels["absent"], *labels["names"]]
        loaded = load(
            model,
            preprocess=job.asked["preprocess"],
            rate=job.asked["sound"],
            labels=named,
            features=stated["features"],
            engine=engine["name"],
            precision=engine["precision"],
            input=stated["input"],
            output=stated["output"],
            fixed=stated["fixed"] or None,
            limits=job.asked["limits"],
            parity=job.asked["parity"],
            providers=engine["providers"]
            and [each if isinstance(each, str) else tuple(each) for each in engine["providers"]],
            threads=engine["threads"],
        )
    else:
        loaded = with_threads(model)
    _check(loaded.path or "the model", loaded.sha256, stated["sha256"])
    return loaded


def _check(name: str | Path, found: str, stated: str) -> None:
    """Raise BadInputError where a model has another sha256 than the job states."""
    if found != stated:
        raise BadInputError(
            f"{name} is not the model of the run: its sha256 begins with {found[:12]}, and that of the job with "
            f"{stated[:12]}"
        )


def explainer_of(job: Job, model: Model | str | Path, method: Any = None, baseline: Any = None) -> Explainer:
    """Return the explainer of a job. method, baseline: a composite and an array, which a job states by sha256 alone.

    Raises UsageError where what came out would be another job, which it names.
    """
    stated = job.asked["method"]
    parameters = dict(stated["parameters"]) if method is None else {}
    parameters.pop("layer", None)  # of a map of activations, which chooses the same one again
    given = stated["baseline"] if baseline is None else baseline
    if isinstance(given, dict):
        raise BadInputError("the baseline was an array, of which the job has the sha256 alone: give it, as baseline=")
    options = {
        "layer": stated["layer"],
        "smooth": stated["smooth"],
        "conditions": stated["conditions"],
        "baseline": given,
    }
    restored = restore_method({"method": stated["name"], "parameters": stated["parameters"]}, method)
    explainer = Explainer(model_of(job, model), restored, **options, **parameters)
    again = make_job(explainer, asked_of(job), job.asked["inputs"])
    if conflicts := job.conflicts(again):
        raise UsageError("what is explained now would be another job:", *conflicts)
    return explainer


def asked_of(job: Job) -> Asked:
    """Return what a job was asked."""
    target = job.asked["target"]
    value = target.get("value")
    if target["kind"] == "neuron":
        at = value["position"]
        value = Neuron(value["tensor"], value["channel"], tuple(at) if isinstance(at, list) else at)
    if target["kind"] == BY_ROW:
        value = PerRow(target["sha256"])
    by_folder, seed = target["kind"] == "folder", job.asked["method"]["seed"]
    return Asked(value, by_folder, seed, job.store, job.shard_size, job.batch_size)


class Again:
    """Explains rows of a run again. model, inputs: where they are; method, baseline: see `explainer_of`."""

    def __init__(
        self, folder: Folder, job: Job, model: Any, inputs: str | Path, method: Any = None, baseline: Any = None
    ) -> None:
        self.explainer = explainer_of(job, model, method, baseline)
        self._work = Work(folder, job, self.explainer, Path(inputs), asked_of(job).target)
        self._folder = folder

    def explanation(self, index: int) -> Explanation:
        """Return the explanation of a row, which is walked in the same batch as then: on the same machine and versions
        it has the same bits.

        Raises BadInputError where an input of the batch is missing or another one.
        """
        return self._work.explanation(index, self._folder.receipt(index // self._work.job.shard_size))

    def batch(self, index: int) -> Batch:
        """Return a row as it is given to the model. Raises BadInputError where its input is missing or another one."""
        return self._work.batch(index)
