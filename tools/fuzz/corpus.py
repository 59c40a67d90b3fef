"""The corpus: what mutants are made of. The bundled models, ONNX's node tests as classifiers, and grown networks."""

from __future__ import annotations

import pickle
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from grow import OPSETS, grown
from lower import lowered
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx.backend.test.case.test_case import TestCase

MODELS = Path(__file__).resolve().parents[2] / "models"
LARGEST = 4096
"""Elements of the largest array of a node test that is taken."""


@dataclass
class Corpus:
    """bundled: name -> bytes. cases: operator -> its node tests, each a name and the bytes of one or two models."""

    bundled: dict[str, bytes]
    cases: dict[str, list[tuple[str, tuple[bytes, ...]]]]

    @classmethod
    def collect(cls, *, cases: bool = True) -> Corpus:
        """Read the bundled models, and make a classifier of each node test of the installed onnx, where asked for.

        Those of radiographs are left out: their pictures are large, and they have no operator that others lack.
        """
        files = (file for file in sorted(MODELS.glob("*.onnx")) if not file.stem.startswith("xray"))
        bundled = {file.stem: file.read_bytes() for file in files}
        return cls(bundled, _cases() if cases else {})

    def save(self, path: Path) -> None:
        """Write the corpus for the children."""
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(path: Path) -> Corpus:
        """Read what `save` has written."""
        corpus: Corpus = pickle.loads(path.read_bytes())  # noqa: S301 - written by this run
        return corpus

    def draw(self, rng: np.random.Generator) -> tuple[str, onnx.ModelProto]:
        """Return the name of a model and the model: an eighth are bundled, half are grown, the others node tests."""
        kind = rng.random()
        if kind < 0.125:
            name = list(self.bundled)[int(rng.integers(len(self.bundled)))]
            return name, onnx.load_from_string(self.bundled[name])
        if kind < 0.625 or not self.cases:
            model = grown(rng)
            operators = dict.fromkeys(node.op_type for node in model.graph.node)
            return f"grown {' '.join(operators)}", model
        of_one = self.cases[list(self.cases)[int(rng.integers(len(self.cases)))]]
        name, models = of_one[int(rng.integers(len(of_one)))]
        model = onnx.load_from_string(models[int(rng.integers(len(models)))])
        own = next(each.version for each in model.opset_import if each.domain == "")
        older = [opset for opset in OPSETS if opset < own]
        if older and rng.random() < 0.5:
            lowered(model, int(rng.choice(older)))
        return name, model


def _cases() -> dict[str, list[tuple[str, tuple[bytes, ...]]]]:
    """Return the node tests of the installed onnx, by operator."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings(action="ignore"):
        found = collect_testcases(None)
    cases: dict[str, list[tuple[str, tuple[bytes, ...]]]] = {}
    for case in sorted(found, key=lambda each: each.name):
        if models := tuple(each.SerializeToString(deterministic=True) for each in _of_case(case)):
            cases.setdefault(case.model.graph.node[0].op_type, []).append((case.name, models))
    return cases


def _of_case(case: TestCase) -> Iterator[onnx.ModelProto]:
    """Yield the model of a node test with one input, the others as weights, and the same behind it as a classifier."""
    if not case.data_sets or not _plain(case):
        return
    inputs, outputs = case.data_sets[0]
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    floats = [i for i, value in enumerate(inputs) if value.dtype == np.float32] or [0]
    main = max(floats, key=lambda i: inputs[i].size)
    names = [value.name for value in model.graph.input]
    kept = model.graph.input[main]
    model.graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name)
        for name, value in zip(names, inputs, strict=True)
        if name != kept.name
    )
    del model.graph.input[:]
    model.graph.input.extend([kept])
    yield model
    y = np.asarray(outputs[0])
    if y.ndim > 1 and y.dtype == np.float32 and y.size:
        yield _with_classes(model, y)


def _plain(case: TestCase) -> bool:
    """Whether a node test has inputs, and its inputs and outputs are small tensors."""
    inputs, outputs = case.data_sets[0]
    values = [*case.model.graph.input, *case.model.graph.output]
    return (
        bool(inputs)
        and len(inputs) == len(case.model.graph.input)
        and all(value.type.HasField("tensor_type") for value in values)
        and all(isinstance(each, np.ndarray | np.generic) and each.size <= LARGEST for each in [*inputs, *outputs])
        and {each.domain for each in case.model.opset_import} == {""}
    )


def _with_classes(model: onnx.ModelProto, y: Any) -> onnx.ModelProto:
    """Return a copy whose first output, with values like `y`, is read as features of three classes."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    end = copy.graph.output[0].name
    features = y.size // len(y)
    rng = np.random.default_rng(features)
    weight = rng.normal(size=(features, 3)).astype("f") / np.float32(np.sqrt(features))
    copy.graph.initializer.append(numpy_helper.from_array(weight, "class_weight"))
    copy.graph.node.extend(
        [
            helper.make_node("Flatten", [end], ["class_features"], axis=1),
            helper.make_node("MatMul", ["class_features", "class_weight"], ["classes"]),
        ]
    )
    del copy.graph.output[:]
    copy.graph.output.append(helper.make_tensor_value_info("classes", TensorProto.FLOAT, [len(y), 3]))
    return copy
