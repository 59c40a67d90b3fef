"""No text of a request is ever the path of a file: every file that is opened meanwhile is noted, and none is named."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import gettempdir

import pytest
from nets import BUNDLED
from serve.wire import X, tensor

OPENED = None
"""The files that were opened, while somebody notes them."""
WINE = str(BUNDLED / "wine_sample.npy")
NAMES = ["/etc/passwd", "x.npz", "../models/a.onnx", "notes.txt", WINE]
MORE = ["x.npz:a", "rows.csv", "a.parquet", "cat.png", "file:///etc/passwd", "labels.json", "a.wav", "a.dcm"]


def _note(event, arguments):
    if OPENED is not None and event in ("open", "os.listdir", "os.scandir", "glob.glob"):
        OPENED.append(str(arguments[0]))


sys.addaudithook(_note)


@contextmanager
def opened():
    """Yield the list of what is opened inside."""
    global OPENED  # noqa: PLW0603  # a hook stays for good, and is asked for nothing outside of this
    OPENED = found = []
    try:
        yield found
    finally:
        OPENED = None


def requests(name):
    """Requests that have a text in every place that takes one."""
    numbers = X[0].tolist()
    v1 = lambda model, instances, **parameters: (  # noqa: E731
        f"/v1/models/{model}:explain", {"instances": instances, "parameters": parameters},
    )  # fmt: skip
    for instance in (
        name,
        [name],
        [[[name]]],
        {"image": name},
        {"image": [name]},
        {"b64": name},
        [name, name],
        {name: 1},
    ):
        yield v1("digits", [instance])
    for model in ("wine", "sounds", "joint", "reviews"):
        yield v1(model, [name])
        yield v1(model, [[name]])
    yield v1("table", [name])
    yield v1("table", [[name, name, name]])
    yield v1("table", [[1, 2.0, name]], method="kernel_shap")
    yield v1("table", [{"age": 1, "height": 2.0, "town": "oslo"}], baseline=name)
    yield v1("table", [{"age": 1, "height": 2.0, "town": "oslo"}], baseline=[{"age": 1, "height": 1, "town": name}])
    for parameter in ("method", "target", "baseline", "layer", "seed", "of", "sigma", "conditions", name):
        yield v1("digits", [numbers], **{"method": "deeplift", parameter: name})
        yield v1("digits", [numbers], **{"method": "gradient", parameter: [name]})
    yield v1("digits", [numbers], target={"tensor": name})
    yield v1("digits", [numbers], conditions={name: [1]})
    yield v1("digits", [numbers], method="deeplift", baseline=[[name]])
    yield (f"/v2/models/{name.replace('/', '%2F')}/infer", {"inputs": [tensor("image", X)]})
    yield ("/v2/models/digits-explain/infer", {"inputs": [tensor("image", X)], "parameters": {"baseline": name}})
    yield ("/v2/models/digits-explain/infer", {"inputs": [tensor("image", X)], "outputs": [{"name": name}]})
    yield ("/v2/models/digits/infer", {"inputs": [{**tensor("image", X), "name": name}], "id": name})
    for model, known in (("digits", "image"), ("reviews", "input_ids"), ("joint", "image"), ("table", "town")):
        text = {"name": known, "datatype": "BYTES", "shape": [1, 1], "data": [name]}
        columns = [{"name": "age", "datatype": "INT64", "shape": [1, 1], "data": [1]}]
        columns += [{"name": "height", "datatype": "FP32", "shape": [1, 1], "data": [1]}]
        yield (f"/v2/models/{model}/infer", {"inputs": [text, *(columns if model == "table" else [])]})


@pytest.mark.parametrize("name", [*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE)])
def test_no_text_is_a_path(wire, name):
    done = list(requests("oslo"))  # what is imported or opened once is not among what is noted
    if name == NAMES[0]:
        for address, body in done:
            wire.post(address, json=body)
    results = 0
    with opened() as found:
        for address, body in requests(name):
            answer = wire.post(address, content=json.dumps(body))
            results += answer.status_code == 200
            assert answer.status_code in (200, 403, 404, 413, 400, 422), answer.text
    assert [each for each in found if not _is_own(each)] == []
    assert results >= 2 + 2 * (
        find_spec("tokenizers") is not None
    )  # as words of a table and as texts they are explained


def _is_own(path):
    """Whether a file is one of Python's, of the machine's, of a model, or one that the engine made; or an open file."""
    made = str(Path(gettempdir()) / "onnxplain-")
    folders = ("/proc/", "/sys/", made, sys.prefix, sys.base_prefix)
    return path.isdigit() or path.endswith((".py", ".pyc", ".so", ".onnx")) or path.startswith(folders)
