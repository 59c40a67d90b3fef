"""Every error that onnxplain raises on purpose.

    OnnxplainError                 exit code
    ├── UsageError                     2      an unknown method, target, label, engine or option
    │   └── MissingExtraError          2      a library of an optional extra is missing or too old
    ├── UnsupportedModelError          3      the model is sound but cannot be explained this way
    │   ├── RuntimeRefusalError        3      onnxruntime does not open a graph that was made here, or fails to run it
    │   └── PredictorError             3      a model known by its answers does not answer, or not as scores have to be
    ├── BadInputError                  4      a file or an array that cannot be read or does not fit
    │   └── NumericalError             4      NaN or Inf appeared in an input or an attribution
    └── VerificationError              6      a file, a line or a row is not what it was, or is signed by nobody known

Each message names the file, node or input, says what was expected and what would help.
"""

from __future__ import annotations

import re

from onnxplain.text import printable

_ADDRESS = re.compile(r" at 0x[0-9A-Fa-f]{6,}")


class OnnxplainError(Exception):
    """Base of all errors raised on purpose; `exit_code` is what the command line returns.

    Its text is the message, made printable so that no name or file can move the cursor or forge a line, and below it
    the further `lines`, each on its own. What another library said of an object is without its address in memory, which
    is another one each time.
    """

    exit_code = 1

    def __init__(self, message: object = "", *lines: str) -> None:
        super().__init__(message, *lines)

    def __str__(self) -> str:
        return "\n  ".join(printable(" ".join(_ADDRESS.sub("", str(each)).splitlines())) for each in self.args)


class UsageError(OnnxplainError, ValueError):
    """A name or a parameter that onnxplain does not know or that does not fit the method."""

    exit_code = 2


class MissingExtraError(UsageError, ImportError):
    """A library that belongs to an optional extra is not installed, or is too old."""


class UnsupportedModelError(OnnxplainError):
    """The model can be read, but the method cannot explain it; all offending nodes are listed."""

    exit_code = 3


class RuntimeRefusalError(UnsupportedModelError):
    """What onnxruntime said, in one line, where it did not open a graph or failed while it ran.

    Whether the input, the file or the graph made of it is at fault is found out by `onnxplain.guard`.
    opened: whether the session was open by then.
    """

    def __init__(self, said: str, *, opened: bool = True) -> None:
        super().__init__(said)
        self.opened = opened


class PredictorError(UnsupportedModelError):
    """A model that is known by its answers alone did not answer, or gave what cannot be explained.

    late: whether the time was up before it answered. reached: whether it was there and had time to answer at all.
    """

    def __init__(self, said: str, *, late: bool = False, reached: bool = True) -> None:
        super().__init__(said)
        self.late, self.reached = late, reached


class BadInputError(OnnxplainError, ValueError):
    """A file or an array that cannot be read, or that does not fit the model."""

    exit_code = 4


class NumericalError(BadInputError):
    """NaN or Inf in an input, an activation or an attribution."""


class VerificationError(OnnxplainError):
    """Something that was kept is not what it was: a file, a line, a row or a signature."""

    exit_code = 6


class OnnxplainWarning(UserWarning):
    """Base of what is said beside a result that is given all the same; the command line says it in one line."""


class FallbackWarning(OnnxplainWarning):
    """A slower engine has taken over, since onnxruntime refused what the one that was asked for had compiled."""


class ConservationWarning(OnnxplainWarning):
    """Attributions do not sum to what they should: next to nothing arrived, or completeness was lost at a node."""


class UnusedWarning(OnnxplainWarning):
    """Something was given that the method does not read, such as a baseline for a gradient."""


class RangeWarning(OnnxplainWarning):
    """An array was taken as it is, although its range is that of pixels and not that of preprocessed pictures."""
