"""What fails at a node of the walk becomes an error that names the node."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from onnxplain.errors import BadInputError, OnnxplainError, UnsupportedModelError
from onnxplain.stopping import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.plan.bound import Bound


@contextmanager
def step(node: Bound) -> Iterator[None]:
    """Raise UnsupportedModelError where anything but an error of this package is raised at a node.

    Where the computation was stopped, StoppedError is raised before the node.
    Facts and rules compute with what the file states: an axis named twice, a number that no machine holds. ONNX allows
    more of it than they know, and onnxruntime now and then gives values of other shapes than the file says.
    """
    check()
    try:
        yield
    except OnnxplainError:
        raise
    except MemoryError as problem:
        raise BadInputError(
            f"{_where(node)}: walking back through it takes more memory than there is; explain fewer rows at once"
        ) from problem
    except Exception as problem:
        raise UnsupportedModelError(
            f"{_where(node)} cannot be walked back through: {type(problem).__name__}: {problem}. "
            'If the node is as ONNX defines it, please report this; method="occlusion" needs only the forward run'
        ) from problem


def _where(node: Bound) -> str:
    return f"{node.op.full_name} (node {node.name!r})"
