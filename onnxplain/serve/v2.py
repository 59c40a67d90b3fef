"""The Open Inference Protocol, version 2: each model under its name, and its explainer as a model of its own.

The explainer of a model `m` is called `m-explain`. It takes the same inputs, and what is asked in the parameters.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from fastapi import APIRouter, Request, Response

from onnxplain import __version__
from onnxplain.errors import UsageError
from onnxplain.serve import json_text, schemas
from onnxplain.serve.describe import ATTRIBUTION, RECORD, SCORES, SUFFIX, TARGET, VERSION
from onnxplain.serve.effort import of_outputs
from onnxplain.serve.inferred import read
from onnxplain.serve.json_text import JsonError
from onnxplain.serve.question import Question
from onnxplain.serve.refusal import Refusal, unknown_model
from onnxplain.serve.requests import sent_record
from onnxplain.serve.tensors import HEADER, answer, message
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.serve.describe import Description
    from onnxplain.serve.instances import Taken
    from onnxplain.serve.outputs import Outputs
    from onnxplain.serve.served import Served
    from onnxplain.serve.service import Service
    from onnxplain.serve.tensors import Message

EXTENSIONS = ["binary_tensor_data"]
RECORD_BYTES = 2**12
"""About how many bytes a record has."""
NO_CLASS = -1
"""What the output `target` holds where an inner value is explained, which has no class."""


class Asked(NamedTuple):
    """A request that was read. question: of an explainer; None of a model."""

    about: Description
    message: Message
    taken: Taken
    question: Question | None


def router(service: Service) -> APIRouter:
    """Return the addresses of the protocol.

    Raises UsageError where a model has the name of another one's explainer.
    """
    check_names(service.models)
    routes = APIRouter(prefix="/v2", tags=["Open Inference Protocol"])
    _add_health(routes, service)
    _add_models(routes, service)
    about: dict[str, Any] = {"responses": schemas.ASKING, "openapi_extra": schemas.TENSORS}

    @routes.post("/models/{model}/infer", response_model=schemas.InferAnswer, **about)
    @routes.post("/models/{model}/versions/{version}/infer", include_in_schema=False)
    async def infer(model: str, request: Request) -> Response:
        """Return the outputs of the file for the given inputs or, of an explainer, their attribution."""
        served, explains = _found(service, model, request)
        body, length = await request.body(), request.headers.get(HEADER)
        effort = served.effort_of_body(len(body), length, explains=explains)
        asked = await service.soon(effort, _read, served, body, length, service.limits, explains=explains)
        if asked.question is None:
            outputs = await service.outputs(served.name, asked.taken.inputs, asked.taken.beside)
            return await service.in_thread(_given, asked, outputs)
        e = await service.explain(served.name, asked.taken.inputs, asked.question)
        effort = RECORD_BYTES + of_outputs(_maps(asked, e), asked.message.wanted)
        return await service.soon(effort, _explained, asked, e)

    return routes


def _add_models(routes: APIRouter, service: Service) -> None:
    known = schemas.TOLD | schemas.errors(404, 422, 503)

    compact: dict[str, Any] = {"response_model": schemas.ModelMetadata, "response_model_exclude_none": True}

    @routes.get("/models/{model}", responses=known, **compact)
    @routes.get("/models/{model}/versions/{version}", include_in_schema=False)
    async def metadata(model: str, request: Request) -> dict[str, Any]:
        """Return the inputs and the outputs of a model or of an explainer."""
        served, explains = _found(service, model, request)
        about = await service.in_thread(_described, served, explains=explains)
        return about.metadata()

    @routes.get("/models/{model}/ready", response_model=schemas.ModelReady, responses=known)
    @routes.get("/models/{model}/versions/{version}/ready", include_in_schema=False)
    async def model_ready(model: str, request: Request) -> dict[str, Any]:
        """Return whether a model takes requests; the status is 503 while it does not."""
        _found(service, model, request)
        service.check_ready()
        return {"name": model, "ready": True}


def check_names(names: Iterable[str]) -> None:
    """Raise UsageError where a model has the name of another one's explainer."""
    taken = set(names)
    for name in taken:
        if name + SUFFIX in taken:
            raise UsageError(
                f"{name + SUFFIX!r} is the name of a model, and that of the explainer of {name!r}; call one of them "
                "otherwise"
            )


def _add_health(routes: APIRouter, service: Service) -> None:
    @routes.get("", response_model=schemas.ServerMetadata, responses=schemas.TOLD)
    async def server() -> dict[str, Any]:
        """Return what the service is, and which extensions of the protocol it has."""
        return {"name": "onnxplain", "version": __version__, "extensions": EXTENSIONS}

    @routes.get("/health/live", response_model=schemas.Live)
    async def live() -> dict[str, bool]:
        """Return that the service runs."""
        return {"live": True}

    @routes.get("/health/ready", response_model=schemas.Ready, responses=schemas.errors(503))
    async def ready() -> dict[str, bool]:
        """Return whether the service takes requests; the status is 503 while it does not."""
        service.check_ready()
        return {"ready": True}


def _found(service: Service, name: str, request: Request) -> tuple[Served, bool]:
    """Return the model of a name, and whether its explainer is meant. A model's own name comes first.

    Raises Refusal for a name that no model has, and for a version in the address which there is not.
    """
    version = request.path_params.get("version", VERSION)
    if version != VERSION:
        raise Refusal(404, "unknown_model", f"{name!r} has no version {version!r:.40}; there is {VERSION!r}")
    if name in service.models:
        return service.served(name), False
    base = name.removesuffix(SUFFIX)
    if base not in service.models or base == name:
        known = [each for model in service.models for each in (model, model + SUFFIX)]
        raise unknown_model(name, ", ".join(map(repr, known)))
    return service.served(base), True


def _read(served: Served, body: bytes, length: str | None, limits: Any, *, explains: bool) -> Asked:
    """Return a request, whose inputs become arrays here."""
    with served.telling():
        model, about = served.model, _described(served, explains=explains)
        asked = message(body, length, about)
        if not explains and asked.parameters:
            name = next(iter(asked.parameters))
            text = f"unknown parameter {name!r}; explanations are asked for at the model {served.name + SUFFIX!r}"
            raise Refusal(400, "bad_request", text)
        question = Question.of(_unfolded(asked.parameters, model.labels or ())) if explains else None
        taken = read(asked.inputs, model, served.description(), about.needed, limits)
        return Asked(about, asked, taken, question)


def _described(served: Served, *, explains: bool) -> Description:
    with served.telling():
        return served.description(explains=explains)


def _unfolded(parameters: Mapping[str, Any], labels: Iterable[str]) -> dict[str, Any]:
    """Return parameters whose texts of JSON, objects and lists, are read; a text that is a label stays what it is."""
    found = dict(parameters)
    for name, value in parameters.items():
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "[") and value not in labels:
            with suppress(JsonError):  # it is a text as it stands
                found[name] = json_text.loads(value.encode())
    return found


def _given(asked: Asked, outputs: Outputs) -> Response:
    wanted, tensors = asked.message.wanted, outputs.tensors()
    return _answer(asked, {name: tensors[name] for name in wanted}, outputs.parameters())


def _explained(asked: Asked, e: Explanation) -> Response:
    """Return what is asked for of an explanation."""
    outputs = _maps(asked, e)
    for name in asked.message.wanted:
        if name == SCORES:
            outputs[name] = e.prediction
        elif name == TARGET:
            outputs[name] = np.full(len(e), NO_CLASS) if isinstance(e.target, Neuron) else e.target.astype(np.int64)
        elif name == RECORD:
            record = sent_record(e, 0 if len(e) == 1 else None)  # one for all rows: it takes longer than a small row
            outputs[name] = np.array([json_text.dumps(record).decode()], object)
    return _answer(asked, outputs, {})


def _maps(asked: Asked, e: Explanation) -> dict[str, Array]:
    """Return the attributions that are asked for, by the names of the outputs."""
    keys = {name: name.partition(".")[2] for name in asked.message.wanted if name.startswith(ATTRIBUTION)}
    return {name: e.parts[key].attribution if key else e.attribution for name, key in keys.items()}


def _answer(asked: Asked, outputs: Mapping[str, Array], extra: Mapping[str, Mapping[str, str]]) -> Response:
    body, headers = answer(asked.about, asked.message.id, outputs, asked.message.wanted, extra)
    return Response(body, headers=headers)
