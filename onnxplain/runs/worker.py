"""A worker of a run: made of paths and words, it loads the model once, proves that its job is the run's, and explains.

What it is made of can be pickled, so that it may live in another process or on another machine that sees the same
files. What it explains goes into the folder, and no array from one process to another.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from onnxplain.errors import BadInputError
from onnxplain.explainer import Explainer
from onnxplain.runs.again import asked_of, model_of
from onnxplain.runs.folder import Folder
from onnxplain.runs.job import make_job
from onnxplain.runs.work import Work

if TYPE_CHECKING:
    from onnxplain.runs.attempts import Task


class Recipe(NamedTuple):
    """What a worker is made of.

    folder: of the run. root: the folder that the names of the inputs are relative to. model: the path of the file or,
    where it was in memory, the model. method, options: those of the explainer. target: of all rows.
    """

    folder: str
    root: str
    model: Any
    method: Any
    options: dict[str, Any]
    target: Any

    def made(self) -> Worker:
        """Return the worker. Raises BadInputError where it would work on another job than the folder's."""
        return Worker(self)


class Answer(NamedTuple):
    """What became of a task: how many rows of the run are written, and the execution providers that were obtained."""

    rows: int
    providers: tuple[str, ...]


class Worker:
    """Does the tasks of one run."""

    def __init__(self, recipe: Recipe) -> None:
        folder = Folder(recipe.folder)
        job = folder.job()
        if job is None:
            raise BadInputError(f"{recipe.folder}: the job of the run is not there; is the folder seen by all workers?")
        explainer = Explainer(model_of(job, recipe.model), recipe.method, **recipe.options)
        own = make_job(explainer, asked_of(job), job.asked["inputs"])
        if own.id != job.id:
            raise BadInputError(f"{recipe.folder}: a worker would do another job", *job.differences(own))
        self._work = Work(folder, job, explainer, Path(recipe.root), recipe.target)

    def __call__(self, task: Task) -> Answer:
        """Do a task, and return what the run has to know of it."""
        rows = 0
        if task.rows is None:
            rows = self._work(task.shard, task.killers).rows
        else:
            self._work.explain(task.rows, task.killers)
        return Answer(rows, tuple(self._work.explainer.method.engine.providers))


def recipe_of(explainer: Explainer, folder: Folder, root: Path, target: Any) -> Recipe:
    """Return what a worker for an explainer is made of."""
    model = explainer.model
    alone = model.path is None or model.vocabulary is not None  # a job has the sha256 of a vocabulary alone
    given = model if alone or model.path is None else str(Path(model.path).absolute())
    return Recipe(str(folder.path.absolute()), str(root), given, explainer.given, explainer.options, target)
