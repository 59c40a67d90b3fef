"""What the libraries behind the passes raise becomes an error of this package, which says what was being done."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError, OnnxplainError, UnsupportedModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)


@contextmanager
def guarded(doing: str) -> Iterator[None]:
    """Raise UnsupportedModelError where anything but an error of this package is raised, with its kind and words.

    doing: what is being done, such as "converting its operators". Files are checked by the rules of ONNX before, but a
    file can follow these rules and still make no sense, such as a convolution over as many axes as it has not.
    """
    try:
        yield
    except OnnxplainError:
        raise
    except MemoryError as problem:
        raise BadInputError(f"the model takes more memory than there is, while {doing}") from problem
    except Exception as problem:
        _log.debug("while %s", doing, exc_info=True)
        raise UnsupportedModelError(
            f"the model cannot be prepared: {type(problem).__name__} while {doing}: {problem}. "
            "If onnxruntime runs the file, please report this"
        ) from problem
