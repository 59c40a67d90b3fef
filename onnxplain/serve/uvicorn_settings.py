"""How uvicorn is run, so that what it bounds by itself fits the limits of the service."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnxplain.serve.limits import Limits

KEEP_ALIVE = 75
"""Seconds that a connection waits for its next request: more than proxies keep theirs for, which is 60 as a rule."""
SPARE = 64
"""Connections beside those whose requests may wait: for health, for the page, and for clients that think."""


def uvicorn_settings(limits: Limits) -> dict[str, Any]:
    """Return the options of `uvicorn.Config` but for the application, the address and the number of processes."""
    return {
        "http": "onnxplain.serve.wire:Wire",  # bounds the heads of requests, and the time for them
        "ws": "none",
        "lifespan": "on",
        "limit_concurrency": 2 * limits.waiting + SPARE,  # connections; a waiting request refuses the next by itself
        "timeout_keep_alive": KEEP_ALIVE,
        "timeout_graceful_shutdown": math.ceil(limits.seconds) + 5,
        "access_log": False,  # the log has its own line a request
        "log_config": LOGGING,
        "server_header": False,
        "proxy_headers": False,  # nothing depends on who a proxy says that it asks for
    }


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "onnxplain.serve.log.Stderr"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"onnxplain.serve": {"level": "INFO"}, "uvicorn": {"level": "INFO"}},
}
"""What `logging.config.dictConfig` takes: everything as one JSON object a line on the standard error."""
