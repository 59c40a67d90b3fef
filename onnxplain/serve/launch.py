"""All that a process of the service is begun with, in this process or in another one."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxplain.errors import OnnxplainWarning
from onnxplain.graph.runtime import keep_silent
from onnxplain.serve.application import application
from onnxplain.serve.limits import Limits
from onnxplain.serve.log import REQUESTS, Stderr
from onnxplain.serve.process import run

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from onnxplain.serve.sources import RemoteSource, Source


@dataclass(frozen=True)
class Launch:
    """Loads models and serves them.

    sources: the models by name. guards: further keywords of `application`, such as those that say who may ask. level:
    of the messages of the package's log that are written; a line for each request is written where it is below that of
    errors.
    """

    sources: Mapping[str, Source | RemoteSource]
    limits: Limits = field(default_factory=Limits)
    guards: Mapping[str, Any] = field(default_factory=dict)
    level: int = logging.WARNING

    def __call__(self, listener: socket.socket, ready: Callable[[], object]) -> None:
        """Load the models and serve them at a socket until SIGTERM or Ctrl-C, see `run`."""
        keep_silent()
        with logged(self.level):
            models = {name: source.load() for name, source in self.sources.items()}
            run(application(models, self.limits, **self.guards), listener, ready)


@contextmanager
def logged(level: int) -> Iterator[None]:
    """Write what the package logs, what uvicorn logs and what is warned of to stderr as lines of JSON."""
    ours, theirs = logging.getLogger("onnxplain"), logging.getLogger("uvicorn.error")
    before = ours.handlers[:], ours.level
    handler = Stderr()
    ours.handlers[:] = [handler]
    ours.setLevel(level)
    REQUESTS.setLevel(min(level, logging.INFO) if level < logging.ERROR else level)
    theirs.addHandler(handler)
    theirs.setLevel(max(logging.WARNING, level))
    with warnings.catch_warnings():
        warnings.simplefilter("default", OnnxplainWarning)
        warnings.showwarning = _log_warning
        try:
            yield
        finally:
            theirs.removeHandler(handler)
            ours.handlers[:], level = before
            ours.setLevel(level)


def _log_warning(message: Warning | str, *where: Any, **more: Any) -> None:  # noqa: ARG001
    logging.getLogger("onnxplain").warning("%s", message)
