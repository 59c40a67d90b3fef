"""Explaining and predicting files that are sent as forms, as programs like curl and the page do.

curl -F file=@cat.png -F method=lrp.epsilon_plus_flat http://localhost:8080/explain -o cat.explained.png
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Header, Query, Response
from fastapi.responses import JSONResponse

from onnxplain.errors import UsageError
from onnxplain.serve import schemas
from onnxplain.serve.accepts import chosen
from onnxplain.serve.forms import Asked, Source  # noqa: TC001  # FastAPI reads the types of parameters
from onnxplain.serve.requests import for_client
from onnxplain.serve.sent import npz, numbers, png
from onnxplain.serve.shown import shown
from onnxplain.show.style import Style

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation
    from onnxplain.prediction import Prediction
    from onnxplain.serve.samples import Samples
    from onnxplain.serve.service import Service

PNG, JSON, NPZ, VIEW = "image/png", "application/json", "application/x-npz", "application/vnd.onnxplain.view+json"
"""What an explanation is answered as; the last one is what the page shows."""
ALL = "all"
TOP = 10
"""So many classes of a row are told."""

_Row = Annotated[
    str | None,
    Query(pattern=rf"^({ALL}|[0-9]{{1,9}})$", description=f"The number of a row of the file, from 0, or {ALL}."),
]

_ANSWERS: dict[int | str, dict[str, Any]] = {
    **schemas.ASKING,
    200: {"content": {media: {} for media in (PNG, JSON, NPZ)}},
    406: {"model": schemas.Error, "description": "No kind of answer fits the Accept header."},
}


def router(service: Service, samples: Samples) -> APIRouter:
    """Return the addresses for files."""
    made = APIRouter(tags=["Files"])

    @made.post("/explain", response_class=Response, responses=_ANSWERS)
    async def explain(
        asked: Annotated[Asked, Form(media_type="multipart/form-data")],
        row: _Row = None,
        accept: Annotated[str | None, Header()] = None,
    ) -> Response:
        """Explain a file, and answer with a picture, JSON or an .npz, as the Accept header asks.

        A picture is of one row, the first unless another one is asked for, or of `all` rows of a table. JSON and .npz
        hold all rows, or the one that is asked for.
        """
        media = chosen(accept, (PNG, JSON, NPZ, VIEW))
        question, style = asked.question(), asked.style()
        if style and media in (JSON, NPZ):
            raise UsageError(f"{', '.join(style)}: how a picture is drawn, and {media} holds none")
        Style.of(style)  # refuses what is none before anything is computed
        name = asked.model_name(service)
        inputs = await asked.read(name, service, samples)
        e = await service.explain(name, inputs, question, _row(row, one=media in (PNG, VIEW)))
        return await service.in_thread(_answer, media, e, ALL if row == ALL else 0, style, asked.attribution)

    @made.post("/predict", responses=schemas.ASKING)
    async def predict(
        source: Annotated[Source, Form(media_type="multipart/form-data")], row: _Row = None
    ) -> dict[str, Any]:
        """Predict the classes of a file: what the model's own file says, with the classes of the highest scores."""
        name = source.model_name(service)
        inputs = await source.read(name, service, samples)
        found = await service.predict(name, inputs, TOP, _row(row, one=False))
        return {"model": name, **_predicted(found)}

    return made


def _row(asked: str | None, *, one: bool) -> int | None:
    """Return the row that is to be explained; None for all. one: whether it is one where none is asked for."""
    if asked == ALL or (asked is None and not one):
        return None
    return int(asked or 0)


def _answer(media: str, e: Explanation, row: int | str, style: dict[str, Any], attribution: bool) -> Response:
    if media == PNG:
        return Response(png(e, row, style), media_type=media)
    if media == NPZ:
        return Response(npz(e), media_type=media)
    if media == VIEW:
        return JSONResponse({**shown(e, Style.of(style), row), "record": for_client(e).to_dict()}, media_type=media)
    return JSONResponse(numbers(e, attribution=attribution))


def _predicted(found: Prediction) -> dict[str, Any]:
    return {"rows": [each.to_dict() for each in found], "notes": list(found.notes), "output": found.output}
