"""The requests of a mixed load: good ones of every protocol and several methods, and bad ones of many kinds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

MODELS = Path(__file__).resolve().parents[2] / "models"
SERVED = {
    "digits": "digits_cnn_torch.onnx",
    "wine": "wine_mlp_torch.onnx",
    "forest": "digits_forest_sklearn.onnx",
    "xray": "xray_v1.onnx",
}
"""The models that are served, by name."""
OPTIONS = (
    *("--preprocess", f"digits={MODELS / 'digits_cnn_torch.preprocess.json'}"),
    *("--labels", f"digits={MODELS / 'digits.labels.txt'}"),
    *("--labels", f"wine={MODELS / 'wine.labels.txt'}"),
    *("--preprocess", f"xray={MODELS / 'xray_v1.preprocess.json'}"),
)
METHODS = ("gradient", "lrp.epsilon_plus_flat", "deeplift", "grad_cam", "input_x_gradient", "integrated_gradients")
BUSY = frozenset({429, 503})
"""Statuses that say that there is no room now."""
GOOD = BUSY | {200}
BAD = BUSY | {400, 403, 404, 405, 413, 415, 422}

_BOUNDARY = "7f2ad1c9"


class Asked(NamedTuple):
    """A request. expected: the statuses that it may be answered with. leaves: the client does not wait."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    expected: frozenset[int] = GOOD
    leaves: bool = False


def binary(rng: Generator) -> Asked:
    """Ask for maps of digits by the Open Inference Protocol, with binary data both ways."""
    x = rng.normal(size=(int(rng.integers(1, 9)), 1, 16, 16)).astype("f")
    asked: dict[str, Any] = {"method": str(rng.choice(METHODS)), "binary_data_output": True}
    if rng.random() < 0.5:
        asked["target"] = int(rng.integers(10))
    return tensors("digits-explain", x, asked)


def many_explainers(rng: Generator) -> Asked:
    """Ask for one of many explainers, of which the service keeps a few."""
    x = rng.normal(size=(1, 1, 16, 16)).astype("f")
    asked = {"method": "lrp.epsilon", "eps": float(10.0 ** -rng.integers(1, 9)) * int(rng.integers(1, 30))}
    return tensors("digits-explain", x, asked)


def own_outputs(rng: Generator) -> Asked:
    """Ask for what a file itself gives."""
    return tensors("digits", rng.normal(size=(int(rng.integers(1, 17)), 1, 16, 16)).astype("f"), {})


def instances(rng: Generator) -> Asked:
    """Ask for explanations by KServe's V1 protocol, of a table or a forest."""
    model, columns = [("wine", 13), ("forest", 64)][int(rng.integers(2))]
    rows = rng.normal(size=(int(rng.integers(1, 5)), columns)).tolist()
    return _json(f"/v1/models/{model}:explain", {"instances": rows})


def predictions(rng: Generator) -> Asked:
    """Ask for predictions by the same protocol."""
    return _json("/v1/models/wine:predict", {"instances": rng.normal(size=(3, 13)).tolist()})


def file(rng: Generator) -> Asked:
    """Send a picture as a form, and ask for a picture, numbers or a file of arrays."""
    accept = str(rng.choice(["image/png", "application/json", "application/x-npz"]))
    digit = sorted((MODELS / "images").glob("digit_*.png"))[int(rng.integers(10))]
    fields = {"model": "digits", "method": str(rng.choice(METHODS))}
    return form(fields, digit.read_bytes(), digit.name, accept)


def radiograph(rng: Generator) -> Asked:
    """Send a larger picture."""
    style = {"alpha": str(rng.choice([0.4, 0.7]))}
    return form({"model": "xray", **style}, (MODELS / "images/xray/opacity.png").read_bytes(), "a.png", "image/png")


def page(rng: Generator) -> Asked:
    """Read the page, or what programs read of a service."""
    path = str(rng.choice(["/", "/page/models/digits", "/v2/models/digits", "/v1/models", "/metrics", "/openapi.json"]))
    return Asked("GET", path, {"Accept": "text/html, */*"}, b"")


def bad(rng: Generator) -> Asked:
    """Ask in one of many wrong ways."""
    x = rng.normal(size=(1, 1, 16, 16)).astype("f")
    right = tensors("digits-explain", x, {"method": "gradient"})
    wrong = [
        tensors("digits-explain", x[:, :, 1:], {}),
        tensors("digits-explain", x, {"method": "nonsense"}),
        tensors("digits-explain", x, {"target": 11}),
        tensors("digits-explain", x, {"method": "gradient", "eps": 1}),
        tensors("other", x, {}),
        tensors("digits-explain", np.zeros((300, 1, 16, 16), "f"), {}),
        right._replace(body=right.body[:-1]),
        right._replace(body=rng.bytes(len(right.body))),
        right._replace(headers={**right.headers, "Inference-Header-Content-Length": "99999999"}),
        _json("/v1/models/wine:explain", {"instances": [["a"] * 13]}),
        _json("/v1/models/wine:explain", {"instances": [[1.0]]}),
        _json("/v1/models/wine:explain", {}),
        form({"model": "digits"}, rng.bytes(200), "a.png", "image/png"),
        form({"model": "digits"}, b"\x89PNG\r\n\x1a\n" + rng.bytes(200), "a.png", "image/png"),
        Asked("GET", f"/{rng.integers(1000)}", {}, b""),
        Asked("DELETE", "/v1/models", {}, b""),
    ]
    return wrong[int(rng.integers(len(wrong)))]._replace(expected=BAD)


def leaving(rng: Generator) -> Asked:
    """Ask for what takes long, and leave."""
    return long_one(rng)._replace(leaves=True)


def long_one(rng: Generator) -> Asked:
    """Ask for what takes some time."""
    x = rng.normal(size=(4, 1, 16, 16)).astype("f")
    return tensors("digits-explain", x, {"method": "smoothgrad", "samples": 200, "random_seed": int(rng.integers(9))})


KINDS: dict[Callable[[Generator], Asked], float] = {
    binary: 30,
    many_explainers: 8,
    own_outputs: 10,
    instances: 12,
    predictions: 8,
    file: 8,
    radiograph: 2,
    page: 6,
    bad: 12,
    leaving: 4,
}
"""The kinds of requests, each with how often it comes beside the others."""


def draw(rng: Generator) -> tuple[str, Asked]:
    """Return a request of some kind, and the name of the kind."""
    kinds, weights = list(KINDS), np.array(list(KINDS.values()))
    kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
    return kind.__name__, kind(rng)


def tensors(model: str, x: np.ndarray[Any, Any], parameters: dict[str, Any]) -> Asked:
    """Return a request of the Open Inference Protocol, with binary data."""
    data = x.tobytes()
    shape = {"name": "image", "shape": list(x.shape), "datatype": "FP32"}
    asked = {"inputs": [{**shape, "parameters": {"binary_data_size": len(data)}}], "parameters": parameters}
    head = json.dumps(asked).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    return Asked("POST", f"/v2/models/{model}/infer", headers, head + data)


def form(fields: dict[str, str], data: bytes, name: str, accept: str) -> Asked:
    """Return a form with a file."""
    parts = [f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = "".join(parts).encode() + head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return Asked("POST", "/explain", {"Content-Type": kind, "Accept": accept}, body)


def _json(path: str, value: Any) -> Asked:
    return Asked("POST", path, {"Content-Type": "application/json"}, json.dumps(value).encode())
