"""onnxplain: explain any classifier that exists as an ONNX file.

    import onnxplain as ox
    model = ox.load("model.onnx", preprocess="imagenet", labels="labels.txt")
    e = ox.explain(model, "cat.jpg", method="lrp.epsilon_plus_flat")
    e.save("cat.png")

Names are imported when first used, so that `import onnxplain` costs next to nothing.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from onnxplain import errors

if TYPE_CHECKING:
    from onnxplain.api import compare, evaluate, explain, export, load, measures, methods, parameters, replay
    from onnxplain.comparison import Comparison
    from onnxplain.explainer import Explainer
    from onnxplain.explanation import Explanation
    from onnxplain.inputs import Picture, Preprocess, Sound
    from onnxplain.measure.evaluation import Evaluation
    from onnxplain.model import Model
    from onnxplain.ops.custom import register_op
    from onnxplain.plan.composite import Composite
    from onnxplain.regions import Region, region
    from onnxplain.runs.audit.start import Audit, audit
    from onnxplain.runs.clusters.clustering import clusters
    from onnxplain.runs.clusters.result import Clusters
    from onnxplain.runs.diff.result import Diff
    from onnxplain.runs.diff.two import diff
    from onnxplain.runs.proof.verification import Verification
    from onnxplain.runs.proof.verify import verify
    from onnxplain.runs.read import Run
    from onnxplain.runs.start import run
    from onnxplain.visualisation import Visualisation, visualise
    from onnxplain.walk.neuron import Neuron

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())  # an application that wants the log adds its own handler

_HOMES = {
    "Clusters": "onnxplain.runs.clusters.result",
    "Audit": "onnxplain.runs.audit.start",
    "Comparison": "onnxplain.comparison",
    "Composite": "onnxplain.plan.composite",
    "Diff": "onnxplain.runs.diff.result",
    "Evaluation": "onnxplain.measure.evaluation",
    "Explainer": "onnxplain.explainer",
    "Explanation": "onnxplain.explanation",
    "Model": "onnxplain.model",
    "Neuron": "onnxplain.walk.neuron",
    "Picture": "onnxplain.inputs",
    "Preprocess": "onnxplain.inputs",
    "Region": "onnxplain.regions",
    "Run": "onnxplain.runs.read",
    "Sound": "onnxplain.inputs",
    "Verification": "onnxplain.runs.proof.verification",
    "Visualisation": "onnxplain.visualisation",
    "clusters": "onnxplain.runs.clusters.clustering",
    "audit": "onnxplain.runs.audit.start",
    "black_box": "onnxplain.answering",
    "compare": "onnxplain.api",
    "diff": "onnxplain.runs.diff.two",
    "evaluate": "onnxplain.api",
    "explain": "onnxplain.api",
    "export": "onnxplain.api",
    "load": "onnxplain.api",
    "measures": "onnxplain.api",
    "methods": "onnxplain.api",
    "parameters": "onnxplain.api",
    "region": "onnxplain.regions",
    "register_op": "onnxplain.ops.custom",
    "run": "onnxplain.runs.start",
    "verify": "onnxplain.runs.proof.verify",
    "visualise": "onnxplain.visualisation",
    "replay": "onnxplain.api",
}
__all__ = [
    "Audit",
    "Clusters",
    "Comparison",
    "Composite",
    "Diff",
    "Evaluation",
    "Explainer",
    "Explanation",
    "Model",
    "Neuron",
    "Picture",
    "Preprocess",
    "Region",
    "Run",
    "Sound",
    "Verification",
    "Visualisation",
    "audit",
    "black_box",
    "clusters",
    "compare",
    "diff",
    "errors",
    "evaluate",
    "explain",
    "export",
    "load",
    "measures",
    "methods",
    "parameters",
    "region",
    "register_op",
    "replay",
    "run",
    "verify",
    "visualise",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'onnxplain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
