"""The walk's session computes with the kernels that onnxruntime takes for the untouched file."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
import pytest
from nets import network, node
from onnxruntime import quantization as q

import onnxplain as ox
from onnxplain.graph.runtime import open_session

RNG = np.random.default_rng(21)
ROWS = RNG.normal(size=(64, 3, 24, 24)).astype("f")
WIDTH, DEPTH = 8, 4


def gated():
    """Convolutions, each with a SiLU behind it: an output that is read twice, and one that is read once.

    The scores stay floats, so that each integer within counts.
    """
    weights = {f"w{i}": (RNG.normal(size=(WIDTH, 3 if i == 0 else WIDTH, 3, 3)) / 5).astype("f") for i in range(DEPTH)}
    nodes, x = [], "x"
    for i in range(DEPTH):
        nodes += [
            node("Conv", f"{x} w{i}", f"c{i}"),
            node("Sigmoid", f"c{i}", f"s{i}"),
            node("Mul", f"c{i} s{i}", f"m{i}"),
        ]
        x = f"m{i}"
    nodes += [node("Flatten", x, "f"), node("MatMul", "f w", "y")]
    inner = WIDTH * (24 - 2 * DEPTH) ** 2
    return network(nodes, (1, 3, 24, 24), weights | {"w": RNG.normal(size=(inner, 4)).astype("f")}, opset=17)


class _Reader(q.CalibrationDataReader):
    def __init__(self):
        self._rows = iter([{"x": ROWS[:8]}])

    def get_next(self):
        return next(self._rows, None)


@pytest.fixture(scope="module")
def signed():
    with TemporaryDirectory() as folder:
        source, result = Path(folder) / "float.onnx", Path(folder) / "quantised.onnx"
        onnx.save(gated(), source)
        kinds = {"activation_type": q.QuantType.QInt8, "weight_type": q.QuantType.QInt8}
        q.quantize_static(source, result, _Reader(), op_types_to_quantize=["Conv", "Sigmoid", "Mul"], **kinds)
        return onnx.load(result)


@pytest.mark.parametrize("method", ["gradient", "deeplift"])
def test_every_integer_is_that_of_the_file(signed, method):
    (want,) = open_session(signed).run(None, {"x": ROWS})
    e = ox.explain(ox.load(signed, parity="never"), ROWS, method, target=0)
    np.testing.assert_allclose(e.prediction, want, atol=1e-6 * np.abs(want).max())


def fused(model, folder):
    """How many nodes onnxruntime fuses of quantisers and operators, by operator."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    nodes = onnx.load(options.optimized_model_filepath).graph.node
    return Counter(each.op_type for each in nodes if each.op_type.startswith("QLinear"))


def test_the_same_operators_are_fused_as_in_the_file(signed, tmp_path):
    """Sigmoid and Mul read the integers of the convolutions, which stay signed; those of the others do not."""
    onnx.save(signed, tmp_path / "file.onnx")
    ox.export(ox.load(signed), "gradient", tmp_path / "explained.onnx")
    of_file, of_walk = (fused(tmp_path / name, tmp_path) for name in ("file.onnx", "explained.onnx"))
    assert of_walk == of_file
