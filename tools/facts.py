"""Measure what the README's table of methods says of each, on the bundled digits, into tools/facts.json.

forwards, walks: rows that run forward alone, and rows that are walked, for one picture. alike: Spearman's correlation
between the maps of the model and of the same model with all weights in random order, the mean over ten digits; a method
that shows what was learnt is near 0. Source: Adebayo et al. 2018.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxplain as ox
from onnxplain.engines.onnxruntime.compiled import CompiledEngine
from onnxplain.errors import OnnxplainError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.engines.base import WalkRequest

TOOLS = Path(__file__).resolve().parent
MODELS = TOOLS.parent / "models"
FACTS = TOOLS / "facts.json"


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Counts rows that the compiled engine walks, and that it only runs forward."""
    rows: Counter[str] = Counter()
    walk, values = CompiledEngine.walk, CompiledEngine.values

    def counting_walk(self: Any, request: WalkRequest) -> Any:
        rows["walk"] += _rows(request.feeds)
        return walk(self, request)

    def counting_values(self: Any, feeds: Any, names: Any) -> Any:
        rows["values"] += _rows(feeds)
        return values(self, feeds, names)

    try:
        CompiledEngine.walk, CompiledEngine.values = counting_walk, counting_values  # type: ignore[method-assign]
        yield rows
    finally:
        CompiledEngine.walk, CompiledEngine.values = walk, values  # type: ignore[method-assign]


def _rows(feeds: Any) -> int:
    return len(next(iter(feeds.values())))


def measure(model: ox.Model, pictures: list[Path], method: str) -> dict[str, Any]:
    """The facts of one method."""
    with counted() as rows:
        ox.explain(model, pictures[0], method)
    found = ox.evaluate(model, pictures, methods=[method], measures=["model_randomisation"])
    alike = found.of("spearman_all")[method].mean()
    return {"forwards": rows["values"], "walks": rows["walk"], "alike": round(float(alike), 2)}


def main() -> None:
    """Write all facts; a method that needs more than this model has says why."""
    model = ox.load(MODELS / "digits_cnn_torch.onnx", preprocess=MODELS / "digits_cnn_torch.preprocess.json")
    pictures = sorted((MODELS / "images").glob("digit_*.png"))
    facts = {}
    for method in ox.methods():
        try:
            facts[method] = measure(model, pictures, method)
        except OnnxplainError as problem:
            facts[method] = {"problem": str(problem)}
        print(method, facts[method], flush=True)
    FACTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
