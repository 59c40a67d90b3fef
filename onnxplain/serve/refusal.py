"""Refusals: the answers of the service that are no results, each with its status and one sentence.

    401 token            413 too_large, too_many_rows,   429 busy           501 not_installed
    403 not_allowed          too_much                    500 internal       502 predictor
    404 unknown_model    422 bad_input, bad_question,                       503 draining, no_memory
    408 slow_body            unsupported                                    504 too_long, predictor_late

Every one is a JSON object: {"error": the sentence, "code": the word, "request_id": by which the log knows it}.
"""

from __future__ import annotations

import logging

from onnxplain.errors import (
    BadInputError,
    MissingExtraError,
    OnnxplainError,
    PredictorError,
    UnsupportedModelError,
    UsageError,
)
from onnxplain.text import printable

_log = logging.getLogger(__name__)

LONGEST = 4000
"""So many letters of a message are sent."""
RETRY_AFTER = 1
"""Seconds after which a client that was refused for want of room may try again."""


class Refusal(Exception):  # noqa: N818  # it is an answer
    """A request that gets no result. status: of HTTP. code: a short word that stays the same. message: one sentence.

    retry_after: seconds after which it may be tried again; None where that would not help. What the message repeats of
    a request is made printable, and its end is left out where it is long.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: int | None = None) -> None:
        said = printable(message[:LONGEST])
        self.message = said if len(message) <= LONGEST else f"{said}…"
        super().__init__(self.message)
        self.status, self.code, self.retry_after = status, code, retry_after

    def body(self, request_id: str) -> dict[str, str]:
        """Return what is sent."""
        return {"error": self.message, "code": self.code, "request_id": request_id}

    @property
    def headers(self) -> dict[str, str]:
        """What is said beside it."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def unknown_model(name: str, known: object) -> Refusal:
    """Return the refusal of a model that is not served."""
    return Refusal(404, "unknown_model", f"no model is called {name!r}; there are: {known}")


def too_many_rows(what: str, most: int) -> Refusal:
    """Return the refusal of a request for more rows than one may have. what: how many it has, and of what."""
    return Refusal(413, "too_many_rows", f"{what}; one request may have {most}")


def busy(waiting: int) -> Refusal:
    """Return the refusal of a request for which there is no room."""
    return Refusal(429, "busy", f"{waiting} requests are waiting already; try again later", RETRY_AFTER)


def draining() -> Refusal:
    """Return the refusal of a request that comes while the service ends."""
    return Refusal(503, "draining", "the service is ending; another one may answer", RETRY_AFTER)


def refusal_of(problem: BaseException) -> Refusal:
    """Return how a problem is told to a client. One that nobody raised on purpose is logged, and not told."""
    if isinstance(problem, Refusal):
        return problem
    if isinstance(problem, PredictorError) and problem.late:
        return Refusal(504, "predictor_late", " ".join(str(problem).split()))
    for kind, (status, code) in _ANSWERS.items():
        if isinstance(problem, kind):
            return Refusal(status, code, " ".join(str(problem).split()))
    _log.error("a request failed", exc_info=problem)
    if isinstance(problem, MemoryError):
        return Refusal(503, "no_memory", "there is not enough memory for this request now", RETRY_AFTER)
    return Refusal(500, "internal", "an error of the service's own; its log has more under the id of the request")


_ANSWERS: dict[type[OnnxplainError], tuple[int, str]] = {
    MissingExtraError: (501, "not_installed"),
    BadInputError: (422, "bad_input"),
    UsageError: (422, "bad_question"),
    PredictorError: (502, "predictor"),
    UnsupportedModelError: (422, "unsupported"),
}
"""Status and code of an error that was raised on purpose; the first class that fits counts."""
