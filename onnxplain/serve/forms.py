"""The fields of a form by which files are sent, and the input and the question that they state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import UploadFile  # noqa: TC002  # pydantic reads the types of fields
from pydantic import BaseModel, ConfigDict, Field

from onnxplain.serve.question import Question
from onnxplain.serve.refusal import Refusal
from onnxplain.serve.styles import style_of
from onnxplain.serve.uploads import Upload, input_of

if TYPE_CHECKING:
    from onnxplain.serve.samples import Samples
    from onnxplain.serve.service import Service

SOURCES = ("file", "sample", "text", "columns")


class Source(BaseModel):
    """An input, and the model that it is for."""

    model_config = ConfigDict(extra="forbid")

    file: Annotated[
        UploadFile | None,
        Field(description="A picture, a DICOM or WAV file, an .npy, .npz, .csv or .parquet, or a text in a .txt."),
    ] = None
    sample: Annotated[str | None, Field(description="Instead of a file: the name of a sample.")] = None
    text: Annotated[str | None, Field(description="Instead of a file: a text, for a model with a tokenizer.")] = None
    columns: Annotated[
        str | None, Field(description="Instead of a file: a row of a table, a JSON object by the names of its columns.")
    ] = None
    model: Annotated[str | None, Field(description="The model's name; it may be left out where there is one.")] = None

    def model_name(self, service: Service) -> str:
        """Return the name of the model. Raises Refusal where it has to be given, or is not known."""
        names = list(service.models)
        if self.model is None and len(names) > 1:
            raise Refusal(422, "bad_request", f"model: give one of {', '.join(names)}, as a field of the form")
        return service.served(self.model or names[0]).name

    async def read(self, name: str, service: Service, samples: Samples) -> Any:
        """Return what an explainer takes. name: of the model. Raises Refusal unless it is one of `SOURCES`."""
        given = [each for each in SOURCES if getattr(self, each) is not None]
        if len(given) != 1:
            text = f"expected one of {', '.join(SOURCES)}, as fields of a form; given: {', '.join(given) or 'none'}"
            raise Refusal(422, "bad_request", text)
        texts = service.served(name).model.reader is not None
        if self.file is not None:
            upload = Upload(await self.file.read(), self.file.filename)
        elif self.sample is not None:
            upload = await service.in_thread(samples.read, name, self.sample)
        else:
            return self.text if self.columns is None else _row(self.columns)
        if not upload.getvalue():
            raise Refusal(422, "bad_input", f"{upload.name}: the file is empty")
        return await service.in_thread(input_of, upload, service.limits, texts=texts)


class Asked(Source):
    """What is asked of an input, and how its picture is drawn."""

    method: Annotated[str | None, Field(description="The method's name; by default the one that fits the model.")] = (
        None
    )
    target: Annotated[
        str | None,
        Field(description="The index or the label of a class, or a JSON object; default: the predicted one."),
    ] = None
    parameters: Annotated[
        str | None,
        Field(
            description="A JSON object of the method's parameters, and of baseline, layer, smooth, seed, conditions."
        ),
    ] = None
    attribution: Annotated[bool, Field(description="Of JSON: whether it holds the attributions.")] = False
    cmap: Annotated[str | None, Field(description="The colour scale.")] = None
    alpha: Annotated[str | None, Field(description="The largest opacity of the colours over the picture, 0 to 1.")] = (
        None
    )
    sign: Annotated[str | None, Field(description="all, positive, negative or absolute.")] = None
    vmax: Annotated[str | None, Field(description="The |R| of full colour: a number, or a percentile such as 99%.")] = (
        None
    )
    threshold: Annotated[str | None, Field(description="Below this |R| nothing is drawn.")] = None
    contours: Annotated[str | None, Field(description="true, false, or a JSON list of levels between 0 and 1.")] = None
    background: Annotated[str | None, Field(description="photo, grey or none.")] = None
    boxes: Annotated[str | None, Field(description="A JSON list of [left, top, right, bottom], to be outlined.")] = None
    size: Annotated[str | None, Field(description="The pixels of a panel's longer side.")] = None
    kind: Annotated[str | None, Field(description="Of all rows of a table: bars or beeswarm.")] = None

    def question(self) -> Question:
        """Return what is asked. Raises Refusal for what is no JSON, or given twice; UsageError for a bad value."""
        given = {} if self.parameters is None else _object(self.parameters, "parameters")
        for name, value in (("method", self.method), ("target", _target(self.target))):
            if value is not None and name in given:
                raise Refusal(422, "bad_request", f"{name} is given by itself and among the parameters")
            given |= {} if value is None else {name: value}
        return Question.of(given)

    def style(self) -> dict[str, Any]:
        """Return the keywords of a `Style`."""
        names = ("cmap", "alpha", "sign", "vmax", "threshold", "contours", "background", "boxes", "size", "kind")
        return style_of({name: getattr(self, name) for name in names})


def _json(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Refusal(422, "bad_request", f"{name}: no JSON ({problem})") from None


def _object(text: str, name: str) -> dict[str, Any]:
    found = _json(text, name)
    if not isinstance(found, dict):
        raise Refusal(422, "bad_request", f"{name}: expected a JSON object")
    return found


def _row(text: str) -> Any:
    """Return a row of a table: an object by the names of its columns, or a list in their order."""
    found = _json(text, "columns")
    if not isinstance(found, (dict, list)):
        raise Refusal(422, "bad_request", "columns: expected a JSON object, or a list of values")
    return [found]


def _target(text: str | None) -> Any:
    """Return a target: what the text is in JSON, an index, an object, a list or a label in quotes, or else a label."""
    try:
        found = None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, (int, str, dict, list)) and not isinstance(found, bool) else text
