"""The page for people: its files, what it offers for each model, and the list of all addresses at /docs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from onnxplain import __version__
from onnxplain.serve import schemas
from onnxplain.serve.accepts import chosen
from onnxplain.serve.choices import choices
from onnxplain.serve.refusal import Refusal

if TYPE_CHECKING:
    from onnxplain.serve.samples import Samples
    from onnxplain.serve.service import Service

FILES = Path(__file__).with_name("static")
_JSON, _HTML = "application/json", "text/html"
MEDIA = {".html": _HTML, ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
"""By their endings: what the files of the page are."""


def router(service: Service, samples: Samples) -> APIRouter:
    """Return the addresses of the page."""
    made = APIRouter()
    files = {each.name: each for each in FILES.iterdir() if each.suffix in MEDIA}
    offered: dict[str, dict[str, Any]] = {}

    @made.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        """Return the page, or for who does not ask for one what KServe's V1 protocol says of a service that runs."""
        if chosen(request.headers.get("accept"), (_JSON, _HTML)) == _JSON:
            return JSONResponse({"status": "alive"}, headers={"Vary": "Accept"})
        return _file(files["index.html"], Vary="Accept")

    @made.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return _file(files["docs.html"])

    @made.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> FileResponse:
        if name not in files:
            raise Refusal(404, "no_such_address", f"the page has no file {name!r}")
        return _file(files[name])

    @made.get("/page/models", tags=["Page"], responses=schemas.TOLD)
    async def models() -> dict[str, Any]:
        """List the models that the page offers."""
        return {"models": list(service.models), "version": __version__, "ready": service.ready}

    @made.get("/page/models/{name}", tags=["Page"], responses=schemas.TOLD | schemas.errors(404))
    async def model(name: str) -> dict[str, Any]:
        """Say what the page offers for a model: classes, columns, samples, the methods that fit, and the others."""
        served = service.served(name)
        if not served.model.settled:
            return await service.in_thread(choices, service, served.name, samples)
        if served.name not in offered:
            offered[served.name] = await service.in_thread(choices, service, served.name, samples)
        return offered[served.name]

    return made


def _file(path: Path, **headers: str) -> FileResponse:
    """Return a file, of which a browser asks each time whether it is still the same."""
    return FileResponse(path, media_type=MEDIA[path.suffix], headers={"Cache-Control": "no-cache", **headers})
