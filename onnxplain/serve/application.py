"""The application: every address of the service, for any server that speaks ASGI."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from onnxplain import __version__
from onnxplain.errors import OnnxplainError
from onnxplain.serve import files, metrics, page, v1, v2
from onnxplain.serve.guards import guarded
from onnxplain.serve.limits import Limits
from onnxplain.serve.metrics import Metrics
from onnxplain.serve.misfits import misfit
from onnxplain.serve.models import served_models
from onnxplain.serve.noted import noted
from onnxplain.serve.observed import OBSERVER, Observer
from onnxplain.serve.refusal import Refusal, refusal_of
from onnxplain.serve.requests import request_id
from onnxplain.serve.samples import Samples
from onnxplain.serve.service import Service
from onnxplain.serve.tokens import describe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from onnxplain.serve.models import Models
    from onnxplain.serve.tokens import Tokens


def application(
    models: Models,
    limits: Limits | None = None,
    *,
    tokens: Tokens | None = None,
    hosts: Iterable[str] | None = None,
    samples: str | Path | None = None,
) -> FastAPI:
    """Return an application that explains models over HTTP; it mounts wherever ASGI is spoken.

    models: one or several, loaded or as paths, in a list or a dict by name. limits: what a request may ask for.
    tokens: of which a request has to bring one; None lets everyone ask. hosts: names under which it may be asked beside
    those of the loopback, "*" for any; with None, names do not matter but for what arrives at the loopback address,
    where its own names alone are known: no other page can have this machine asked by a name that it lets point here.
    samples: a folder of inputs that the page offers, see `onnxplain.serve.samples`.

    Raises UsageError for names that cannot be served and a folder that does not exist, and what `onnxplain.load` does.
    """
    bounds = limits or Limits()
    service = Service(served_models(models, bounds), bounds, Metrics())
    offered = Samples(samples, service.models)
    made = FastAPI(
        title="onnxplain",
        version=__version__,
        summary=SUMMARY,
        lifespan=_lifespan(service),
        docs_url=None,  # FastAPI's own pages load programs from another host; that of `page` needs none
        redoc_url=None,
        redirect_slashes=False,
    )
    made.state.service = service
    for problem, answer in _ANSWERS.items():
        made.add_exception_handler(problem, answer)
    protocols = [each.router(service) for each in (v1, v2, metrics)]
    for router in (*protocols, files.router(service, offered), page.router(service, offered)):
        made.include_router(router)
    if tokens is not None:
        made.openapi = partial(describe, made.openapi)  # type: ignore[method-assign]
    made.add_middleware(guarded, bounds, service.observe, tokens, hosts)
    return made


SUMMARY = "Explanations of ONNX classifiers."


def _lifespan(service: Service) -> Callable[[FastAPI], AbstractAsyncContextManager[dict[str, Observer]]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Observer]]:
        await service.warm_up()
        yield {OBSERVER: service.observe}
        await service.drain()
        service.close()

    return lifespan


async def _refused(_: Request, problem: Exception) -> JSONResponse:
    """Answer with a refusal."""
    found = refusal_of(problem)
    return _answer(found, found.headers)


async def _unknown(request: Request, problem: Exception) -> JSONResponse:
    """Answer where there is no such address, where it does not take the method of HTTP, or a form cannot be read."""
    status, headers = getattr(problem, "status_code", 404), getattr(problem, "headers", None)
    text = f"{request.method} {request.url.path}: {getattr(problem, 'detail', 'there is no such address')}"
    return _answer(Refusal(status, "no_such_address" if status in (404, 405) else "bad_request", text), headers)


async def _invalid(_: Request, problem: Exception) -> JSONResponse:
    """Answer where a part of a request is missing, or is not what the description of the service says."""
    first = problem.errors()[0] if isinstance(problem, RequestValidationError) else {}
    return _answer(Refusal(422, "bad_request", misfit(first)))


def _answer(refusal: Refusal, headers: Mapping[str, str] | None = None) -> JSONResponse:
    noted().code = refusal.code
    return JSONResponse(refusal.body(request_id()), refusal.status, headers)


_ANSWERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[JSONResponse]]] = {
    Refusal: _refused,
    HTTPException: _unknown,
    RequestValidationError: _invalid,
    OnnxplainError: _refused,
    Exception: _refused,
}
"""How each kind of error is answered."""
