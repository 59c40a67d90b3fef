"""`GET /metrics`: what was done, in the text format of Prometheus."""

from __future__ import annotations

import os
from http import HTTPMethod
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from onnxplain.serve import schemas
from onnxplain.serve.observed import Observer

if TYPE_CHECKING:
    from onnxplain.serve.observed import Answered
    from onnxplain.serve.service import Service

OTHER = "other"
"""The label of what has no name that the service knows: however many there are, they make one series."""
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SHARED = "PROMETHEUS_MULTIPROC_DIR"
_METHODS = frozenset(HTTPMethod)


class Metrics(Observer):
    """Counts in a registry of its own, so that two applications in one process do not mix.

    Where the environment names a folder as PROMETHEUS_MULTIPROC_DIR before prometheus_client is imported, the numbers
    are kept there, and what one process answers is the sum over all of them; then one process has one application.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._made(Counter, "requests", "Requests that were answered", "path", "method", "status")
        self._rejected = self._made(Counter, "rejected", "Requests that were refused", "code")
        self._rows = self._made(Counter, "rows", "Rows that were explained or predicted", "model", "method")
        self._seconds = self._made(
            Histogram, "seconds", "Seconds from acceptance to result", "method", buckets=_SECONDS
        )
        self._batches = self._made(Histogram, "batch_rows", "Rows that were computed together", buckets=_ROWS)
        self._computing = self._made(
            Histogram, "batch_seconds", "Seconds that they were computed for", buckets=_SECONDS
        )
        live = {"multiprocess_mode": "livesum"}
        self._running = self._made(Gauge, "running", "Batches that are computed now", **live)
        self._waiting = self._made(Gauge, "waiting", "Requests that are accepted and not answered", **live)
        self._explainers = self._made(Gauge, "explainers", "Explainers that are kept planned", **live)

    def _made(self, kind: Any, name: str, text: str, *labels: str, **options: Any) -> Any:
        return kind(name, text, labels, namespace="onnxplain", registry=self.registry, **options)

    def explained(self, model: str, method: str, rows: int, seconds: float) -> None:
        super().explained(model, method, rows, seconds)
        self._rows.labels(model, method).inc(rows)
        self._seconds.labels(method).observe(seconds)

    def predicted(self, model: str, rows: int, seconds: float) -> None:
        super().predicted(model, rows, seconds)
        self._rows.labels(model, "predict").inc(rows)
        self._seconds.labels("predict").observe(seconds)

    def batched(self, rows: int, seconds: float) -> None:
        self._batches.observe(rows)
        self._computing.observe(seconds)

    def computes(self, change: int) -> None:
        self._running.inc(change)

    def waits(self, requests: int) -> None:
        self._waiting.set(requests)

    def planned(self, explainers: int) -> None:
        self._explainers.set(explainers)

    def answered(self, answer: Answered) -> None:
        method = answer.method if answer.method in _METHODS else OTHER
        self._requests.labels(answer.path or OTHER, method, answer.status).inc()
        if answer.code:
            self._rejected.labels(answer.code).inc()

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Return all numbers in the format that an Accept header asks for, and its type."""
        encode, kind = choose_encoder(accept)
        registry = self.registry
        if _SHARED in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return encode(registry), kind


def router(service: Service) -> APIRouter:
    """Return the address of the numbers that a service counts."""
    made = APIRouter(tags=["Metrics"])

    @made.get("/metrics", summary="What was done, for Prometheus", response_class=Response, responses=schemas.TOLD)
    async def metrics(request: Request) -> Response:
        observer = service.observe
        if not isinstance(observer, Metrics):
            return Response(status_code=204)
        content, kind = observer.text(request.headers.get("accept", ""))
        return Response(content, headers={"content-type": kind})

    return made
