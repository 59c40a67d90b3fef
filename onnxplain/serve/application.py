"""The application: every address of the service, for any server that speaks ASGI."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from onnxplain import __version__
from onnxplain.errors import OnnxplainError
from onnxplain.serve import v1, v2
from onnxplain.serve.limits import Limits
from onnxplain.serve.models import served_models
from onnxplain.serve.refusal import Refusal, refusal_of
from onnxplain.serve.requests import request_id
from onnxplain.serve.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from onnxplain.serve.models import Models


def application(models: Models, limits: Limits | None = None) -> FastAPI:
    """Return an application that explains models over HTTP; it mounts wherever ASGI is spoken.

    models: one or several, loaded or as paths, in a list or a dict by name. limits: what a request may ask for.

    Raises UsageError for names that cannot be served, and what `onnxplain.load` raises.
    """
    bounds = limits or Limits()
    service = Service(served_models(models, bounds), bounds)
    made = FastAPI(title="onnxplain", version=__version__, summary=SUMMARY, lifespan=_lifespan(service))
    made.state.service = service
    made.add_exception_handler(Refusal, _refused)
    made.add_exception_handler(HTTPException, _unknown)
    made.add_exception_handler(RequestValidationError, _invalid)
    made.add_exception_handler(OnnxplainError, _refused)
    made.add_exception_handler(Exception, _refused)
    made.include_router(v1.router(service))
    made.include_router(v2.router(service))
    return made


SUMMARY = "Explanations of ONNX classifiers."


def _lifespan(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.warm_up()
        yield
        await service.drain()
        service.close()

    return lifespan


async def _refused(_: Request, problem: Exception) -> JSONResponse:
    """Answer with a refusal."""
    found = refusal_of(problem)
    return JSONResponse(found.body(request_id()), found.status, found.headers)


async def _unknown(request: Request, problem: Exception) -> JSONResponse:
    """Answer where there is no such address, or where it does not take the method of HTTP."""
    status, headers = getattr(problem, "status_code", 404), getattr(problem, "headers", None)
    text = f"{request.method} {request.url.path}: {getattr(problem, 'detail', 'there is no such address')}"
    return JSONResponse(Refusal(status, "no_such_address", text).body(request_id()), status, headers)


async def _invalid(_: Request, problem: Exception) -> JSONResponse:
    """Answer where a part of a request is missing, or is not what the description of the service says."""
    first = problem.errors()[0] if isinstance(problem, RequestValidationError) else {}
    text = f"{'.'.join(map(str, first.get('loc', ())))}: {first.get('msg', 'cannot be read')}"
    return JSONResponse(Refusal(422, "bad_request", text).body(request_id()), 422)
