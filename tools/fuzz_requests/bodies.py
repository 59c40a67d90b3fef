"""Bodies of requests: good ones of each protocol, and such as are wrong in what only their protocol knows."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import odd

import onnxplain as ox

if TYPE_CHECKING:
    import random

MODELS = Path(__file__).resolve().parents[2] / "models"
PICTURE = (MODELS / "images" / "digit_3_918.png").read_bytes()
DIGITS = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).round(2).astype(np.float32)
WINE = np.load(MODELS / "wine_sample.npy").astype(np.float32).reshape(-1, 13)[:1]
TEXTS = ("a good film", "it is not a good film")
FAST = ("gradient", "input_x_gradient", "lrp.epsilon_plus_flat", "deeplift")
BINARY = "Inference_Header_Content_Length"


def b64(content: bytes) -> dict[str, str]:
    """Return the content of a file as an instance of V1."""
    return {"b64": base64.b64encode(content).decode()}


def value(rng: random.Random, *, explains: bool = False) -> tuple[str, Any]:
    """Return the path and the body of a good request in JSON."""
    if rng.random() < 0.1:
        texts = {"instances": [rng.choice(TEXTS)], "parameters": {"method": "gradient"}}
        return "/v1/models/reviews:explain", texts
    name, rows = rng.choice((("digits", DIGITS), ("wine", WINE)))
    rows = rows[: rng.choice((1, 1, 2))]
    parameters = {"method": rng.choice(FAST)}
    if rng.random() < 0.5:
        way = "explain" if explains else rng.choice(("explain", "predict"))
        instances = [b64(PICTURE)] if name == "digits" and rng.random() < 0.3 else rows.tolist()
        return f"/v1/models/{name}:{way}", {"instances": instances, "parameters": parameters}
    explains = explains or rng.random() < 0.5
    tensor = {"name": _INPUTS[name], "shape": list(rows.shape), "datatype": "FP32", "data": rows.tolist()}
    given: dict[str, Any] = {"id": "a", "inputs": [tensor], **({"parameters": parameters} if explains else {})}
    return f"/v2/models/{name}{'-explain' if explains else ''}/infer", given


def good_json(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return a good request in JSON."""
    path, given = value(rng)
    body = json.dumps(given).encode()
    if rng.random() < 0.1:
        body = zlib.compress(body)
        return path, body, {"Content_Encoding": "deflate"}
    return path, body, {"Content_Type": "application/json"}


def good_binary(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return a good request whose tensors are binary, both ways."""
    rows = DIGITS[: rng.choice((1, 2))]
    tensor = _tensor("digits", list(rows.shape), "FP32", rows.nbytes)
    parameters = {"method": rng.choice(FAST), "binary_data_output": True}
    top = json.dumps({"inputs": [tensor], "parameters": parameters}).encode()
    return "/v2/models/digits-explain/infer", top + rows.tobytes(), {BINARY: str(len(top))}


GOOD = (good_json, good_json, good_binary)


def parameters(rng: random.Random) -> dict[str, Any]:
    """Return parameters of an explanation that may be anything."""
    method = rng.choice(list(_METHODS))
    found: dict[str, Any] = {"method": rng.choice((*(method,) * 8, odd.value(rng)))}
    known = ("target", "target", "seed", "baseline", "layer", "smooth", "conditions", *_METHODS[method] * 3)
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        usual = (0, 1, 2, 5, 0.5, -1, 16, 10**9, "max", "gradient", [0, 1], {"tensor": "x", "channel": 0})
        found[rng.choice(known)] = rng.choice((rng.choice(usual), odd.value(rng)))
    return found


def binary(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return a request whose binary tensors, their shapes, sizes and the length of the JSON may lie."""
    name = rng.choice(tuple(_INPUTS))
    rows = rng.choice((DIGITS[:1], DIGITS, WINE, np.zeros((2, 13), np.float32)))
    shape = rng.choice((list(rows.shape), list(rows.shape), _shape(rng), odd.value(rng)))
    size = rng.choice((rows.nbytes, rows.nbytes, rows.nbytes, rng.choice(odd.NUMBERS), rows.nbytes - 1))
    kinds = ("FP32", "FP32", "FP32", "FP64", "INT8", "UINT64", "BOOL", "BYTES", "BF16", "FP16", "X", odd.value(rng))
    tensor = _tensor(name, shape, rng.choice(kinds), size)
    if rng.random() < 0.2:
        tensor["data"] = rng.choice(([], rows.tolist(), odd.value(rng)))
    given = {"inputs": [tensor] * rng.choice((1, 1, 1, 2)), "parameters": rng.choice(({}, {"method": "gradient"}))}
    if rng.random() < 0.2:
        given["outputs"] = [
            {"name": rng.choice(("attribution", "scores", odd.value(rng))), "parameters": odd.value(rng)}
        ]
    top = odd.text(given, rng)
    content = rng.choice(
        (rows.tobytes(), rows.tobytes(), rows.tobytes()[:-3], rows.tobytes() * 2, b"\xff" * rows.nbytes)
    )
    length = str(len(top)) if rng.random() < 0.85 else rng.choice((str(len(top) - 1), *odd.LENGTHS))
    path = f"/v2/models/{name}{rng.choice(('', '-explain'))}/infer"
    return path, top + content, {BINARY: length}


def file(rng: random.Random) -> tuple[str, bytes]:
    """Return a request of V1 with the content of a file that may be broken, a bomb, or a lie."""
    content = _content(rng)
    instances = [b64(content)] * rng.choice((1, 1, 1, 2, 33))
    return f"/v1/models/{rng.choice(tuple(_INPUTS))}:explain", json.dumps({"instances": instances}).encode()


def form(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return a form with a file, fields that may be anything, and sometimes a wrong boundary."""
    fields: list[tuple[str, bytes]] = [("model", rng.choice((b"digits", b"wine", b"", b"none", b"\xff")))]
    for name in rng.sample(("method", "target", "parameters", "columns", "sample", "text", "model", "nonsense"), k=2):
        some = rng.choice((*odd.TEXTS, *FAST, '{"eps": 1}', json.dumps(parameters(rng))))
        fields.append((name, str(some).encode("utf-8", "surrogatepass")))
    parts = [b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % (n.encode(), v) for n, v in fields]
    named = rng.choice((b"cat.png", b"../../a.npy", b"/etc/passwd", b"a\x00.wav", b"x" * 5000, b"a.csv", b"a.dcm", b""))
    content = PICTURE if rng.random() < 0.5 else _content(rng)
    parts.append(b'Content-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s' % (named, content))
    body = b"".join(b"--mark\r\n" + part + b"\r\n" for part in parts * rng.choice((1, 1, 1, 50))) + b"--mark--\r\n"
    boundary = rng.choice(("mark", "mark", "mark", "other", "", "m" * 300))
    accept = rng.choice(("image/png", "application/json", "application/x-npz", "*/*", "text/html", ""))
    path = rng.choice(("/explain", "/predict"))
    return path, body, {"Content_Type": f"multipart/form-data; boundary={boundary}", "Accept": accept}


def _content(rng: random.Random) -> bytes:
    made = rng.choice((_array, _array, _large_picture, _bomb, _pickled, _sound, lambda _: PICTURE, lambda _: b""))
    content = made(rng)
    return odd.garbled(content, rng) if rng.random() < 0.5 else content


def _array(rng: random.Random) -> bytes:
    """An .npy whose header may promise more than there is."""
    shape = rng.choice((DIGITS[:1].shape, (1, 13), tuple(_shape(rng)), (10**9, 10**9), ()))
    kind = rng.choice(("<f4", "<f8", "|O", "<U9", ">i2", "x"))
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + DIGITS[:1].tobytes()


def _large_picture(rng: random.Random) -> bytes:
    """A PNG of a few bytes whose header says that it is very large."""
    size = rng.choice((5000, 60_000, 2**31 - 1, 0))
    top = b"IHDR" + struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(bytes(10_000))
    chunks = [
        struct.pack(">I", len(each) - 4) + each + struct.pack(">I", zlib.crc32(each)) for each in (top, data, b"IEND")
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _bomb(rng: random.Random) -> bytes:
    """An .npz of a few bytes that unpacks to many."""
    found = io.BytesIO()
    large = np.zeros((1, 1, 2000, rng.choice((16, 20_000))), "i1")
    np.savez_compressed(found, **{rng.choice(("x", "image", "a/b")): large})
    return found.getvalue()


def _pickled(_: random.Random) -> bytes:
    found = io.BytesIO()
    np.save(found, np.array([{"a": 1}], object), allow_pickle=True)
    return found.getvalue()


def _sound(rng: random.Random) -> bytes:
    size = rng.choice((100, 2**31, 2**32 - 1))
    top = b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16_000, 2, 16)
    return top + b"data" + struct.pack("<I", size) + bytes(100)


def _shape(rng: random.Random) -> list[int]:
    return rng.choices((0, 1, 2, 3, 13, 16, 256, 2**31, 2**62, -1), k=rng.randrange(6))


def _tensor(name: str, shape: Any, kind: Any, size: Any) -> dict[str, Any]:
    return {"name": _INPUTS[name], "shape": shape, "datatype": kind, "parameters": {"binary_data_size": size}}


_INPUTS = {"digits": "image", "wine": "measurements"}
_METHODS = {name: list(ox.parameters(name)) for name in ox.methods()}
