"""Two models, five methods, inputs, targets and baselines of their own, all asked for at once: nothing ever mixes."""

from __future__ import annotations

import asyncio
import hashlib
import json
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest
from nets import BUNDLED
from serve.services import answered

import onnxplain as ox
from onnxplain.serve.limits import Limits
from onnxplain.serve.tensors import HEADER

pytest.importorskip("fastapi", reason="the service needs the extra serve")
httpx = pytest.importorskip("httpx", reason="the client of the tests needs httpx")

FILES = {"torch": BUNDLED / "digits_cnn_torch.onnx", "dynamo": BUNDLED / "digits_cnn_dynamo.onnx"}
"""Two models that take the same inputs, and say something else of them."""
METHODS = (
    {"method": "gradient"},
    {"method": "lrp.epsilon_plus_flat"},
    {"method": "deeplift", "baseline": 0.25},
    {"method": "deeplift", "baseline": -0.5},
    {"method": "integrated_gradients", "steps": 4, "baseline": 0.1},
    {"method": "input_x_gradient"},
)
TARGETS = (None, 3, 7)
AT_ONCE = 48


class Asked(NamedTuple):
    """A request. parameters: those of the method; none where the model itself is asked."""

    id: str
    model: str
    parameters: dict | None
    target: int | None
    x: np.ndarray


def requests(count):
    """So many different requests in a mixed order."""
    rng = np.random.default_rng(count)
    kinds = [*product(FILES, METHODS, TARGETS), *((model, None, None) for model in FILES)]
    chosen = [kinds[i % len(kinds)] for i in rng.permutation(count)]
    shape = (1, 16, 16)
    rows = rng.integers(1, 4, count)
    return [
        Asked(f"request-{i}", *kind, rng.normal(size=(n, *shape)).astype("f"))
        for i, (kind, n) in enumerate(zip(chosen, rows, strict=True))
    ]


async def sent(client, asked):
    """The outputs by name as bytes, and the id that the answer has."""
    data = asked.x.tobytes()
    about = {"name": "image", "shape": list(asked.x.shape), "datatype": "FP32"}
    target = {} if asked.target is None else {"target": asked.target}
    head = json.dumps(
        {
            "inputs": [{**about, "parameters": {"binary_data_size": len(data)}}],
            "parameters": {**(asked.parameters or {}), **target, "binary_data_output": True},
        }
    ).encode()
    name = asked.model if asked.parameters is None else f"{asked.model}-explain"
    headers = {HEADER: str(len(head)), "X-Request-Id": asked.id}
    answer = await client.post(f"/v2/models/{name}/infer", content=head + data, headers=headers)
    assert answer.status_code == 200, answer.text
    size = int(answer.headers[HEADER])
    found, rest = {}, answer.content[size:]
    for each in json.loads(answer.content[:size])["outputs"]:
        length = each["parameters"]["binary_data_size"]
        found[each["name"]], rest = rest[:length], rest[length:]
    return found, answer.headers["x-request-id"]


async def all_sent(asked, **limits):
    """The answers to all requests, of which so many are under way at once."""
    app = ox.serve.app(FILES, Limits(**limits))
    transport, turns = httpx.ASGITransport(app=app), asyncio.Semaphore(AT_ONCE)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:

        async def one(each):
            async with turns:
                return await sent(client, each)

        return await asyncio.gather(*map(one, asked))


@cache
def model(name):
    return ox.load(FILES[name])


@cache
def explainer(name, options):
    method, *others = options
    return ox.Explainer(model(name), method[1], **dict(others))


def close(found, due):
    np.testing.assert_allclose(found, due, rtol=0, atol=1e-6 * np.abs(due).max())


def check(asked, found, own_id):
    assert own_id == asked.id
    if asked.parameters is None:
        due = model(asked.model).file.run({"image": asked.x})["logits"]
        close(np.frombuffer(found["logits"], "f"), due.ravel())
        return
    e = explainer(asked.model, tuple(asked.parameters.items()))(asked.x, asked.target)
    attribution = np.frombuffer(found["attribution"], "f").reshape(e.attribution.shape)
    close(attribution, e.attribution)
    close(np.frombuffer(found["scores"], "f"), e.prediction.ravel())
    assert np.frombuffer(found["target"], np.int64).tolist() == e.target.tolist()
    (record,) = texts(found["record"])
    assert record["request_id"] == asked.id
    assert record["model"]["sha256"] == model(asked.model).sha256 and record["method"] == asked.parameters["method"]
    assert record["input"]["sha256"] == hashlib.sha256(asked.x.tobytes()).hexdigest()
    assert record["attribution"]["sha256"] == hashlib.sha256(attribution.tobytes()).hexdigest()
    assert record["parameters"] == e.record["parameters"] and record.get("baseline") == e.record.get("baseline")


def texts(data):
    """Objects of JSON, each behind its length, as the protocol sends texts."""
    found = []
    while data:
        length = int.from_bytes(data[:4], "little")
        found.append(json.loads(data[4 : 4 + length]))
        data = data[4 + length :]
    return found


@pytest.mark.parametrize("count", [120, pytest.param(1500, marks=pytest.mark.slow)])
def test_every_request_gets_what_it_alone_would_get(count):
    asked = requests(count)
    for each, (found, own_id) in zip(asked, answered(all_sent(asked, explainers=4, batch_rows=8)), strict=True):
        check(each, found, own_id)
