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
    """Return a request with a binary tensor, which may lie: its name, shape, size, type, bytes."""
    name, rows = rng.choice((("digits", DIGITS), ("digits", DIGITS[:1]), ("wine", WINE)))
    content, tensor = rows.tobytes(), _tensor(name, list(rows.shape), "FP32", rows.nbytes)
    given: dict[str, Any] = {"inputs": [tensor]}
    lies = rng.choices(
        ("shape", "size", "type", "name", "data", "twice", "outputs", "content", "length"), k=rng.choice((0, 1, 1, 2))
    )
    if "shape" in lies:
        tensor["shape"] = rng.choice((_shape(rng), odd.value(rng), [*rows.shape, 1], [rows.size]))
    if "size" in lies:
        tensor["parameters"] = {"binary_data_size": rng.choice((*odd.NUMBERS, rows.nbytes - 1, odd.value(rng)))}
    if "type" in lies:
        kinds = ("FP64", "INT8", "UINT64", "BOOL", "BYTES", "BF16", "FP16", "INT32", "X", odd.value(rng))
        tensor["datatype"] = rng.choice(kinds)
    if "name" in lies:
        tensor["name"] = rng.choice((*_INPUTS.values(), odd.value(rng)))
    if "data" in lies:
        tensor["data"] = rng.choice(([], rows.tolist(), odd.value(rng)))
    if "twice" in lies:
        given["inputs"] = [tensor] * rng.choice((2, 50))
    if "outputs" in lies:
        output = rng.choice(("attribution", "scores", "target", "record", odd.value(rng)))
        wish = rng.choice(({}, {"binary_data": True}, {"classification": 3}, odd.value(rng)))
        given["outputs"] = [{"name": output, "parameters": wish}]
    if "content" in lies:
        content = rng.choice((content[:-3], content * 2, b"\xff" * len(content), b""))
    top = json.dumps(given).encode()
    length = rng.choice((str(len(top) - 1), *odd.LENGTHS)) if "length" in lies else str(len(top))
    return f"/v2/models/{name}{rng.choice(('', '-explain'))}/infer", top + content, {BINARY: length}


def file(rng: random.Random) -> tuple[str, bytes]:
    """Return a request of V1 with the content of a file that may be broken, a bomb, or a lie."""
    content = _content(rng)
    instances = [b64(content)] * rng.choice((1, 1, 1, 2, 33))
    return f"/v1/models/{rng.choice(tuple(_INPUTS))}:explain", json.dumps({"instances": instances}).encode()


def form(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return a form with a file, fields that may be anything, and sometimes a wrong boundary."""
    fields: dict[str, bytes] = {"model": b"digits"}
    for _ in range(rng.choice((0, 1, 1, 2))):
        words = ("1", "NaN", "-1", "1e999", "2000", "[[0, 0, 5, 5]]", "[0.5]", "99%", "grey", "all", "beeswarm", "true")
        made = json.dumps(rng.choice((parameters(rng), odd.value(rng))))
        some = rng.choice((made, made, rng.choice(words), rng.choice((*odd.TEXTS, *FAST))))
        fields[rng.choice(_FIELDS)] = str(some).encode("utf-8", "surrogatepass")
    parts = [b'Content-Disposition: form-data; name="%s"\r\n\r\n%s' % (n.encode(), v) for n, v in fields.items()]
    named, content = b"cat.png", PICTURE
    if rng.random() < 0.5:
        named = rng.choice(
            (b"../../a.npy", b"/etc/passwd", b"a\x00.wav", b"x" * 5000, b"a.csv", b"a.dcm", b"a.npz", b"")
        )
        content = _content(rng)
    parts.append(b'Content-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s' % (named, content))
    body = b"".join(b"--mark\r\n" + part + b"\r\n" for part in parts * rng.choice((*[1] * 9, 50))) + b"--mark--\r\n"
    boundary = rng.choice((*["mark"] * 9, "other", "", "m" * 300))
    accept = rng.choice(("image/png", "application/json", "application/x-npz", "*/*", "text/html", ""))
    path = rng.choice(("/explain", "/explain", "/predict", "/explain?row=" + rng.choice(("all", "0", "1", "x", ""))))
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


_FIELDS = (
    *("model", "method", "target", "parameters", "columns", "sample", "text", "file", "nonsense"),
    *("attribution", "cmap", "alpha", "sign", "vmax", "threshold", "contours", "background", "boxes", "size", "kind"),
)
_INPUTS = {"digits": "image", "wine": "measurements"}
_METHODS = {name: list(ox.parameters(name)) for name in ox.methods()}
