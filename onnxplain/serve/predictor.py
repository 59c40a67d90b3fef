"""A predictor: a function from rows to scores, which another server computes; what every protocol of it shares."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from onnxplain.answering import black_box
from onnxplain.errors import BadInputError, PredictorError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import DTypeLike

    from onnxplain.arrays import Array
    from onnxplain.model import Model
    from onnxplain.serve.connection import Connection, Reply

_log = logging.getLogger(__name__)
TEXT = 2**22
"""Bytes of the rows that are sent at once as text, at most, which takes several times as many."""
_REFUSES = (400, 422)
"""Statuses by which a server says that the rows are at fault."""


class Known(NamedTuple):
    """What a server states of the rows that it takes and of its scores. shape: rows first. classes: None where open."""

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    classes: int | None


class Predictor(ABC):
    """A model of another server. It is called with rows, and returns their scores.

    connection: to the server. model: its name there. output: name of the output that holds the scores, where there are
    several. size: bytes of the rows that are sent at once, at most.
    """

    protocol: ClassVar[str]
    dtype: ClassVar[type] = np.float64
    """The type of the rows where the server states none."""
    size: int = TEXT

    def __init__(self, connection: Connection, model: str, output: str | None = None) -> None:
        self.name, self.output = model, output
        self._connection = connection

    def __str__(self) -> str:
        return f"the predictor {self.name!r}"

    @property
    @abstractmethod
    def path(self) -> str:
        """Where on the server it is asked."""

    @property
    def about(self) -> dict[str, str]:
        """What a record says of it."""
        return {"protocol": self.protocol, "url": self._connection.address + self.path}

    @abstractmethod
    def __call__(self, x: Array) -> Any:
        """Return the scores of rows.

        Raises PredictorError where none come, BadInputError where the server says that the rows are at fault.
        """

    def known(self) -> Known | None:
        """Return what the server states of it; None where it states nothing. Raises PredictorError."""
        return None

    def model(
        self,
        meaning: str = "scores",
        shape: Sequence[int | str | None] | None = None,
        dtype: DTypeLike | None = None,
        **options: Any,
    ) -> Model:
        """Return it as a model that is explained by methods that perturb, see `onnxplain.black_box`.

        Shape and type are those that the server states, unless they are given; where it states none, or is not there
        yet, the first rows tell.
        """
        known = self._stated() if shape is None else None
        if known is not None:
            shape, dtype = known.shape, dtype or known.dtype
            options = {"classes": known.classes, **options}
        return black_box(self, shape, dtype or self.dtype, meaning=meaning, **options)

    def _stated(self) -> Known | None:
        try:
            return self.known()
        except PredictorError as problem:
            if problem.reached and not problem.late:
                raise
            _log.warning("%s; what it takes is learnt from the first rows", problem)
            return None

    def checked(self, reply: Reply) -> Reply:
        """Return an answer that is a success. Raises PredictorError, or BadInputError, for one that is none."""
        if reply.status == 200:
            return reply
        if reply.status in _REFUSES:
            raise BadInputError(f"{self} refuses the rows ({reply.status}): {reply.said}")
        if reply.status == 404:
            raise PredictorError(f"{self} is not known to its server (404): {reply.said}")
        raise PredictorError(f"{self} answers {reply.status}: {reply.said}")

    def read(self, reply: Reply, what: Callable[[Any], Any]) -> Any:
        """Return what `what` reads of the JSON of an answer. Raises PredictorError for what it cannot read."""
        try:
            return what(self.checked(reply).json())
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as problem:
            if isinstance(problem, BadInputError):
                raise
            reason = f"no {problem}" if isinstance(problem, KeyError) else str(problem)
            raise PredictorError(f"{self}: its answer is not of the protocol {self.protocol} ({reason})") from problem
