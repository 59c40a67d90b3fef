"""Services for the tests of this folder."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from nets import ROOT

from onnxplain.serve.limits import Limits
from onnxplain.serve.models import served_models
from onnxplain.serve.service import Service

MODELS = ROOT / "models"
DIGITS = MODELS / "digits_cnn_torch.onnx"


@asynccontextmanager
async def service(models, observe=None, **limits):
    """Yield a service of models that is ready, and end it."""
    bounds = Limits(**limits)
    made = Service(served_models(models, bounds), bounds, observe)
    await made.warm_up()
    try:
        yield made
    finally:
        await made.drain()
        made.close()


def answered(coroutine):
    """Return what a coroutine returns, and fail a test that waits for too long."""
    return asyncio.run(asyncio.wait_for(coroutine, 120))
