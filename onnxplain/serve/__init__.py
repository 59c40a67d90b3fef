"""Explanations over HTTP: KServe's protocols, files, and a page for people. It needs the extra `serve`.

uvicorn.run(onnxplain.serve.app("model.onnx"))
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from onnxplain.errors import MissingExtraError
from onnxplain.serve.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

    from onnxplain.serve.models import Models

__all__ = ["Limits", "app"]


def app(models: Models, limits: Limits | None = None, **options: Any) -> FastAPI:
    """Return an application that explains models over HTTP, see `onnxplain.serve.application.application`.

    Raises MissingExtraError without the libraries of the extra `serve`.
    """
    with needed():
        from onnxplain.serve.application import application
    return application(models, limits, **options)


@contextmanager
def needed() -> Iterator[None]:
    """Raise MissingExtraError where a library of the extra `serve` cannot be imported within."""
    try:
        yield
    except ImportError as problem:
        if (problem.name or "").partition(".")[0] == "onnxplain":
            raise
        raise MissingExtraError(f"the service needs {problem.name}: pip install 'onnxplain[serve]'") from problem
