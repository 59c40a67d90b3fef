"""Workers on a Ray cluster, each an actor. All of its machines have to see the run's folder, the model and the inputs.

Ray restarts and retries nothing here: its own retries have no end, and what is tried again is decided by
`onnxplain.runs.attempts`, for processes of this machine and for actors alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from onnxplain.engines.cupy import EXTRAS
from onnxplain.errors import BadInputError, MissingExtraError
from onnxplain.runs.member import Member

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from onnxplain.model import Model
    from onnxplain.runs.attempts import Task
    from onnxplain.runs.worker import Answer, Recipe

LOCAL = "local"
"""The address that stands for a cluster of this machine alone, which is begun for the run and ends with it."""


class Actors:
    """Hands on a Ray cluster; see `onnxplain.runs.crew.Hands`.

    address: of the cluster, or "local". model: whose threads, and GPU, each actor is given.
    Raises MissingExtraError without Ray, BadInputError where there is no cluster at the address.
    """

    def __init__(self, recipe: Recipe, address: str, model: Model) -> None:
        self._ray, self._recipe = library(), recipe
        self._begun = not self._ray.is_initialized()
        if self._begun:
            _connect(self._ray, address)
        gpus = 1 if model.engine in EXTRAS else 0
        self._made = self._ray.remote(
            num_cpus=model.settings.threads or 1, num_gpus=gpus, max_restarts=0, max_task_retries=0
        )(Member)
        kinds = ("RayActorError", "WorkerCrashedError", "NodeDiedError", "ObjectLostError", "OutOfMemoryError")
        self._died = tuple(getattr(self._ray.exceptions, kind) for kind in kinds)

    def fit(self) -> int:
        """Return how many workers the cluster has room for now, at least one."""
        cores = self._ray.cluster_resources().get("CPU", 1)
        return max(1, int(cores))

    def start(self) -> Any:
        """See `Hands`."""
        return self._made.remote(self._recipe)

    def ask(self, worker: Any, task: Task | None) -> Any:
        """See `Hands`."""
        return worker.do.remote(task)

    def first(self, asked: Sequence[Any]) -> Sequence[Any]:
        """See `Hands`."""
        found: Sequence[Any] = self._ray.wait(list(asked), num_returns=1)[0]
        return found

    def answer(self, asked: Any) -> Answer | Exception | None:
        """See `Hands`."""
        try:
            found: Answer | Exception = self._ray.get(asked)
        except self._died:
            return None
        except self._ray.exceptions.RayError as problem:
            return BadInputError(f"a worker on Ray failed: {problem}")
        return found

    def end(self, worker: Any) -> None:
        """See `Hands`."""
        self._ray.kill(worker, no_restart=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster, where this run has joined it; one that was begun for the run ends."""
        if self._begun:
            self._ray.shutdown()


def library() -> ModuleType:
    """Return the module of Ray. Raises MissingExtraError where it is not installed."""
    try:
        import ray
    except ImportError as problem:
        raise MissingExtraError("workers on Ray need ray: pip install 'onnxplain[ray]'") from problem
    found: ModuleType = ray
    return found


def _connect(ray: ModuleType, address: str) -> None:
    """Join a cluster, or begin one of this machine alone."""
    asked = {"include_dashboard": False} if address == LOCAL else {}
    try:
        ray.init(address=address, log_to_driver=False, configure_logging=False, **asked)
    except (ConnectionError, ValueError, RuntimeError) as problem:
        raise BadInputError(f"ray={address!r}: no cluster answers there ({problem})") from problem
