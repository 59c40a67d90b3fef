"""Starting a run, and going on with one: what is missing in its folder is done, and what is there is kept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from onnxplain import checks
from onnxplain.api import load
from onnxplain.errors import UsageError
from onnxplain.explainer import Explainer
from onnxplain.model import Model
from onnxplain.progress import progress
from onnxplain.runs import crew
from onnxplain.runs.attempts import Attempts
from onnxplain.runs.environment import environment, now, time_of
from onnxplain.runs.folder import Folder
from onnxplain.runs.job import Asked, make_job
from onnxplain.runs.listing import Listing, Summary, entries, same_files
from onnxplain.runs.local import Processes
from onnxplain.runs.on_ray import Actors
from onnxplain.runs.proof.attest import sign_run
from onnxplain.runs.proof.signing import read_private
from onnxplain.runs.read import Run
from onnxplain.runs.reader import Rows, check_single_input, reads_tables
from onnxplain.runs.sources import Sources, given
from onnxplain.runs.targets import per_row
from onnxplain.runs.work import Work, folder_of, part, with_threads
from onnxplain.runs.worker import Answer, recipe_of
from onnxplain.show.atomic import check_folder, save_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from onnxplain.plan.composite import Composite
    from onnxplain.runs.job import Job

    Explain: TypeAlias = Callable[[Model], Explainer]
    """Makes the explainer of a model."""


def run(
    model: Model | str | Path,
    inputs: str | Path | Sequence[str | Path],
    path: str | Path,
    method: str | Composite | None = None,
    target: Any = None,
    *,
    by_folder: bool = False,
    seed: str | None = None,
    store: str = "relevance",
    shard_size: int | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    ray: str | None = None,
    sign: str | Path | None = None,
    **options: Any,
) -> Run:
    """Explain many inputs into the folder `path`, and return what came out, a `Run`.

    Called again with the same arguments it goes on: shards that are there and whole are kept.

    model: what `load` returns, or a path. inputs: a folder with all inputs below it, paths, a glob, a text file with
    one path a line, an .npy or .npz of rows, a .csv or .parquet of rows, DICOM files, or a list of these.
    target: a class index, a label, a Neuron, a list of an index for each row, those that will fail among them, or None
    for the predicted class; by_folder: for each input that of its folder's name. seed: as in `Explainer`, by name.
    store: "relevance", the channels summed, in half precision with a scale for each row, or "attribution", all
    numbers. shard_size, batch_size: rows of a unit of work, and rows walked together; see `onnxplain.runs.sizes`.
    workers: processes that explain, by default this one alone. ray: the address of a Ray cluster whose machines all
    see these files, or "local" for one of this machine; by default it has as many workers as the cluster has cores.
    sign: an Ed25519 private key in PEM, by which the finished run is signed. options: keywords of `Explainer`.

    An input that cannot be read or explained is a failed row with its reason, and the others go on.
    Raises UsageError, which names what differs, where the folder holds a run of another job.
    """
    key = None if sign is None else read_private(sign)
    loaded = model if isinstance(model, Model) else load(model)
    asked = Asked(per_row(target), by_folder, seed, store, shard_size, batch_size)
    prepared = prepare(loaded, inputs, path, lambda fixed: Explainer(fixed, method, **options), asked)
    prepared.work(prepared.missing(), workers, ray)
    return prepared.finish(key)


def prepare(
    model: Model, inputs: Any, path: str | Path, explain: Explain, asked: Asked, *, quick: bool = False
) -> Prepared:
    """Return a run whose folder has its listing and its job, so that work can begin.

    explain: makes the explainer of a model, which has a fixed number of threads. quick: whether inputs that have the
    names and sizes of the listing are taken for those; their sha256 is proven when they are read.

    Raises UsageError where the folder holds another job, BadInputError where there are no inputs.
    """
    check_single_input(model)
    check_folder(path)
    model = with_threads(model)
    explainer = explain(model)
    folder, sources = Folder(path), Sources(given(inputs), reads_tables(model))
    sources.keep_apart(path)
    rows = Rows(model, explainer.feeds, sources.root)
    there = folder.job()
    summary = Summary()

    def write(file: BinaryIO | None = None) -> None:
        for entry in entries(sources, rows.count):
            line = summary.add(entry)
            if asked.by_folder:
                _check_folder_is_class(model, entry.name)
            if file is not None:
                file.write(line)

    if there is None:
        folder.make()
        save_atomic(folder.listing, write)
    elif not (quick and same_files(sources, Listing(folder.listing))):
        write()
    job = make_job(explainer, asked, summary.to_dict() if summary.files or there is None else there.asked["inputs"])
    if there is not None and there.id != job.id:
        raise UsageError(
            f"{path} holds a run of another job; give another folder. It differs in", *there.differences(job)
        )
    folder.begin(job, asked.target)
    return Prepared(folder, job, explainer, sources, asked.target)


def _check_folder_is_class(model: Model, name: str) -> None:
    """Raise UsageError where the folder of an input is not named after a class."""
    label = folder_of(name)
    if label not in (model.labels or ()):
        raise UsageError(f"by_folder: {name} lies in {label!r}, and no class of the model is called so; give labels")


class Prepared:
    """A run that can be worked on: its folder has a listing and a job."""

    def __init__(self, folder: Folder, job: Job, explainer: Explainer, sources: Sources, target: Any) -> None:
        self.folder, self.job, self.explainer, self.sources, self.target = folder, job, explainer, sources, target
        self.workers = 1
        self.providers: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the inputs, such as files that were passed over."""
        return self.sources.notes

    def missing(self, slice_: tuple[int, int] | None = None) -> Iterator[int]:
        """Yield the shards that are not done. Raises UsageError where one was made with other versions.

        slice_: (i, n) for every n-th shard from the i-th on.
        """
        if self.folder.finished() is not None:
            return
        versions, (first, step) = part(self.explainer), slice_ or (0, 1)
        yield from (i for i in range(first, self.job.shards, step) if not self.folder.is_done(self.job, i, versions))

    def work(self, shards: Iterable[int], workers: int | None = None, ray: str | None = None) -> None:
        """Explain shards: in this process, in so many others, or on a Ray cluster."""
        checks.whole(workers=1 if workers is None else workers)
        todo = list(shards)
        rows = sum(len(self.job.rows_of(shard)) for shard in todo)
        with progress("explain", self.job.rows, "row") as bar:
            bar.initial = bar.n = self.job.rows - rows

            def done(answer: Answer) -> None:
                self.providers = answer.providers
                bar.update(answer.rows)

            if todo and (ray is not None or (workers or 1) > 1):
                self._by_others(todo, workers, ray, done)
                return
            work = Work(self.folder, self.job, self.explainer, self.sources.root, self.target)
            for shard in todo:
                done(Answer(work(shard).rows, tuple(self.explainer.method.engine.providers)))

    def _by_others(self, todo: list[int], workers: int | None, ray: str | None, done: Callable[[Answer], None]) -> None:
        """Explain shards in processes of this machine, or on a Ray cluster."""
        recipe = recipe_of(self.explainer, self.folder, self.sources.root, self.target)
        attempts = Attempts(self.job, todo)
        if ray is None:
            self.workers = min(workers or 1, len(todo))
            crew.work(Processes(recipe, self.workers), attempts, self.workers, done)
            return
        with Actors(recipe, ray, self.explainer.model) as actors:
            self.workers = min(workers or actors.fit(), len(todo))
            crew.work(actors, attempts, self.workers, done)

    def finish(self, key: Ed25519PrivateKey | None = None) -> Run:
        """Close the folder, unless that is done, sign it, and return the run.

        key: by which it is signed, None for none. Raises BadInputError where a shard is missing.
        """
        if self.folder.finished() is None:
            path = self.explainer.model.path
            about = {
                "environment": environment(self.explainer, self.workers, self.providers),
                "where": {"model": path and str(Path(path).absolute()), "inputs": str(self.sources.root)},
                "begin": time_of(self.folder.listing),
                "end": now(),
            }
            self.folder.close(self.job, about)
        if key is not None:
            sign_run(self.folder.path, key)
        return Run(self.folder.path)
