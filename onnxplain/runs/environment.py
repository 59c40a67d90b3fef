"""What a run was made on: versions, processor, threads, providers. It stands in run.json, and in no other file."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.record import plain
from onnxplain.versions import versions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.explainer import Explainer


def environment(explainer: Explainer, workers: int, providers: Sequence[str]) -> dict[str, Any]:
    """Return what runs an explainer here. workers: how many processes explain. providers: that were obtained."""
    model = explainer.model
    return {
        "versions": plain(versions(model.device, explainer.parameters)),
        "engine": model.engine,
        "providers": list(providers),
        "threads": model.settings.threads,
        "processor": processor(),
        "cores": os.cpu_count(),
        "workers": workers,
        "host": platform.node(),
    }


def processor() -> str:
    """Return the name of the processor, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def now() -> str:
    """Return the time in UTC, to a second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def time_of(path: Path) -> str:
    """Return when a file was written, in UTC, to a second, as ISO 8601."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
