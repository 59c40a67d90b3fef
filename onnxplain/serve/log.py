"""The log: one JSON object a line, for each request and for whatever else is said."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TextIO

from onnxplain.serve.requests import request_id

if TYPE_CHECKING:
    from onnxplain.serve.noted import Noted
    from onnxplain.serve.observed import Answered

REQUESTS = logging.getLogger("onnxplain.serve.log")
"""Has one record a request, at level INFO. Its attribute `fields` holds what the line says.

What machines ask every few seconds, health and /metrics, is at level DEBUG unless it is refused.
"""

_LONGEST = 200
_OFTEN = ("/v2/health/live", "/v2/health/ready", "/metrics")


def tell(answer: Answered, path: str, notes: Noted) -> None:
    """Log a request that was answered.

    path: as it was sent, without its query, for one that has no template. Neither headers nor queries nor bodies are
    logged: there may be secrets in them, and pictures of people.
    """
    fields = {
        "id": request_id(),
        "method": answer.method[:_LONGEST],
        "path": answer.path or path[:_LONGEST],
        "status": answer.status,
        "seconds": round(answer.seconds, 6),
        "model": notes.model,
        "explained_by": notes.method,
        "rows": notes.rows,
        "code": notes.code,
    }
    said = {name: value for name, value in fields.items() if value is not None}
    level = logging.DEBUG if answer.path in _OFTEN and answer.status == HTTPStatus.OK else logging.INFO
    REQUESTS.log(level, "%s %s %s", answer.method, said["path"], answer.status, extra={"fields": said})


class JsonLines(logging.Formatter):
    """One record as one JSON object in ASCII, so that no text of anyone can begin a line or move a cursor."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        said: dict[str, Any] = {"time": time, "level": record.levelname.lower()}
        fields = getattr(record, "fields", None)
        if fields is not None:
            return json.dumps({**said, **fields})
        said |= {"logger": record.name, "message": record.getMessage()}
        if request_id():
            said["id"] = request_id()
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said)


class Stderr(logging.StreamHandler[TextIO]):
    """Writes to what is the standard error when a line is written."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(JsonLines())

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)
