"""Limits of the service: what one request may ask for, and how much is done at once."""

from __future__ import annotations

from dataclasses import dataclass, fields

from onnxplain.errors import UsageError
from onnxplain.method.registry import METHODS
from onnxplain.text import offer

_MAY_BE_ZERO = ("batch_wait",)


@dataclass(frozen=True)
class Limits:
    """What one request may ask for, and how much is done at once.

    request_bytes: of the body of a request. body_seconds: for sending it. seconds: from its first byte to its answer.
    rows: that one request may have explained. pixels: of a picture. methods: names of those that may be asked for; None
    for all. steps: the largest value of a parameter that counts something, such as samples, or measures it in pixels.
    waiting: requests that are accepted and not answered yet; one more is refused with status 429.
    explainers: how many pairs of a model and a way to explain it are kept planned; the one that was used least recently
    makes room for a new one.
    batch_rows: rows of several requests for one explainer that are explained together at most, unless one request has
    more; of large models it is fewer.
    batch_wait: seconds for which the first of them waits for others while nothing else is to be done.
    at_once: how many such batches are computed at the same time. One more than have cores of their own is best: while
    one is between two runs of its model, another one has its cores.

    Raises UsageError for a value that is no number above 0, and for a method that does not exist.
    """

    request_bytes: int = 2**26
    body_seconds: float = 30.0
    seconds: float = 60.0
    rows: int = 256
    steps: int = 10_000
    pixels: int = 2**25
    methods: tuple[str, ...] | None = None
    waiting: int = 256
    explainers: int = 16
    batch_rows: int = 128
    batch_wait: float = 0.002
    at_once: int = 3

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "methods":
                continue
            number = isinstance(value, int if each.type == "int" else (int, float)) and not isinstance(value, bool)
            if not number or not (value > 0 or (value == 0 and each.name in _MAY_BE_ZERO)):
                raise UsageError(f"limit {each.name}={value!r}: expected a number above 0")
        for name in self.methods or ():
            if name not in METHODS:
                raise UsageError(f"limit methods: no method is called {name!r}; {offer(name, list(METHODS))}")
