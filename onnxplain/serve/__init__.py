"""Explanations over HTTP: KServe's protocols, files, and a page for people. It needs the extra `serve`.

uvicorn.run(onnxplain.serve.app("model.onnx"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import MissingExtraError
from onnxplain.serve.limits import Limits

if TYPE_CHECKING:
    from fastapi import FastAPI

    from onnxplain.serve.models import Models

__all__ = ["Limits", "app"]


def app(models: Models, limits: Limits | None = None, **options: Any) -> FastAPI:
    """Return an application that explains models over HTTP, see `onnxplain.serve.application.application`.

    Raises MissingExtraError without the libraries of the extra `serve`.
    """
    try:
        from onnxplain.serve.application import application
    except ImportError as problem:
        if (problem.name or "").partition(".")[0] == "onnxplain":
            raise
        raise MissingExtraError(f"the service needs {problem.name}: pip install 'onnxplain[serve]'") from problem
    return application(models, limits, **options)
