"""KServe's V1 protocol: instances in, predictions and explanations out, in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import APIRouter, Request, Response

from onnxplain.errors import BadInputError
from onnxplain.joint_explanation import JointExplanation
from onnxplain.record import plain
from onnxplain.serve import json_text, schemas
from onnxplain.serve.instances import taken
from onnxplain.serve.question import Question
from onnxplain.serve.refusal import Refusal, too_many_rows
from onnxplain.serve.requests import sent_record
from onnxplain.serve.tensors import document
from onnxplain.strict_json import strict
from onnxplain.text import offer
from onnxplain.walk.neuron import Neuron

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation
    from onnxplain.serve.instances import Taken
    from onnxplain.serve.outputs import Outputs
    from onnxplain.serve.service import Service

_KNOWN = ("instances", "parameters")


def router(service: Service) -> APIRouter:
    """Return the addresses of the protocol."""
    routes = APIRouter(prefix="/v1", tags=["KServe V1"])

    # first, since a model's name of the addresses below would take in what follows its colon
    about: dict[str, Any] = {"responses": schemas.ASKING, "openapi_extra": schemas.INSTANCES}

    @routes.post("/models/{model}:predict", response_model=schemas.Predictions, **about)
    async def predict(model: str, request: Request) -> Response:
        """Return what the file itself gives for each instance. Parameters, those of an explanation, are not read."""
        given, _ = await service.in_thread(_read, service, model, await request.body())
        outputs = await service.outputs(model, given.inputs, given.beside)
        return await service.in_thread(_predicted, given, outputs)

    @routes.post("/models/{model}:explain", response_model=schemas.Explanations, **about)
    async def explain(model: str, request: Request) -> Response:
        """Return what the file itself gives for each instance, and which of its numbers spoke for a class."""
        given, question = await service.in_thread(_read, service, model, await request.body())
        e, outputs = await service.explain_beside(model, given.inputs, given.beside, question)
        return await service.in_thread(_explained, given, outputs, e)

    known = schemas.TOLD | schemas.errors(404, 422, 503)

    @routes.get("/models", response_model=schemas.ModelNames, responses=schemas.TOLD)
    async def models() -> dict[str, Any]:
        """Return the names of all models."""
        return {"models": list(service.models)}

    @routes.get("/models/{model}", response_model=schemas.ModelReady, responses=known)
    async def ready(model: str) -> dict[str, Any]:
        """Return whether a model takes requests; the status is 503 while it does not."""
        if model.endswith((":explain", ":predict")):
            raise Refusal(404, "no_such_address", f"GET {model}: rows are sent by POST, in a body of JSON")
        service.served(model)
        service.check_ready()
        return {"name": model, "ready": True}

    return routes


def _read(service: Service, model: str, body: bytes) -> tuple[Taken, Question]:
    """Return the rows of a request, and how they are to be explained. Raises Refusal for what is none."""
    served = service.served(model)
    found, _ = document(body, None)
    for name in found:
        if name not in _KNOWN:
            raise Refusal(400, "bad_request", f"unknown key {name!r}; {offer(name, _KNOWN)}")
    instances, parameters = found.get("instances"), found.get("parameters") or {}
    if not isinstance(instances, list) or not instances:
        raise Refusal(400, "bad_request", "instances: expected a list of one row or more")
    if not isinstance(parameters, dict):
        raise Refusal(400, "bad_request", "parameters: expected an object")
    if len(instances) > service.limits.rows:
        raise too_many_rows(f"{len(instances)} instances", service.limits.rows)
    with served.telling():
        return taken(instances, served.model, served.description()), Question.of(parameters)


def _predicted(given: Taken, outputs: Outputs) -> Response:
    return _answer(_predictions(given, outputs))


def _explained(given: Taken, outputs: Outputs, e: Explanation) -> Response:
    rows = [_row(e, i) for i in range(len(e))]
    return _answer({**_predictions(given, outputs), "explanations": rows})


def _predictions(given: Taken, outputs: Outputs) -> dict[str, Any]:
    """Return the predictions. Where numbers of them are not finite, they are null, and `not_finite` names them.

    Raises BadInputError where instances and rows are not the same.
    """
    if outputs.rows != given.rows:
        raise BadInputError(
            f"{given.rows} instances hold {outputs.rows} rows; send each row as an instance of its own, such as each "
            "frame of a file"
        )
    rows = outputs.by_row()
    return {"predictions": rows} if all(map(json_text.is_finite, rows)) else dict(strict({"predictions": plain(rows)}))


def _row(e: Explanation, i: int) -> dict[str, Any]:
    """Return what is sent of the explanation of a row."""
    parts = {name: part.attribution[i] for name, part in e.parts.items()}
    joint = isinstance(e, JointExplanation)
    target = vars(e.target) if isinstance(e.target, Neuron) else int(e.target[i])
    return {
        "attribution": parts if joint else next(iter(parts.values())),
        "target": target,
        "label": e.labels[i],
        "score": np.float64(e.score[i]).item(),
        "record": sent_record(e, i),
    }


def _answer(value: dict[str, Any]) -> Response:
    return Response(json_text.dumps(value), media_type="application/json")
