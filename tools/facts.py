"""Measure what the README's table of methods says of each: `python tools/facts.py [METHOD ...]`.

The facts are those of the bundled digits, and go into tools/facts.json: of the methods that are named or, where none is
named, of all. For each method the file holds:
forwards: number of rows that run through the model forward only, to explain one picture;
walks: number of rows that run forward and are then walked backward, to explain one picture;
elsewhere: what the method is for, where it explains no network, so that there is nothing to measure;
alike: Spearman's correlation between the attributions for the model and for the same model with its weights in random
order, as a mean over ten digits. A method that shows what the model has learnt is near 0. Source: Adebayo et al. 2018.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxplain as ox
from onnxplain.errors import OnnxplainError
from onnxplain.guard.engine import GuardedEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.engines.base import WalkRequest

TOOLS = Path(__file__).resolve().parent
MODELS = TOOLS.parent / "models"
FACTS = TOOLS / "facts.json"
ELSEWHERE = {"tree_shap": "for ensembles of trees"}
"""Methods that explain no network, and what they are for."""


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count, while the context lasts, the rows that engines walk and those that they only run forward."""
    rows: Counter[str] = Counter()
    walk, values = GuardedEngine.walk, GuardedEngine.values

    def counting_walk(self: Any, request: WalkRequest) -> Any:
        rows["walk"] += _rows(request.feeds)
        return walk(self, request)

    def counting_values(self: Any, feeds: Any, names: Any) -> Any:
        rows["values"] += _rows(feeds)
        return values(self, feeds, names)

    try:
        GuardedEngine.walk, GuardedEngine.values = counting_walk, counting_values  # type: ignore[method-assign]
        yield rows
    finally:
        GuardedEngine.walk, GuardedEngine.values = walk, values  # type: ignore[method-assign]


def _rows(feeds: Any) -> int:
    return len(next(iter(feeds.values())))


def measure(model: ox.Model, pictures: list[Path], method: str) -> dict[str, Any]:
    """Return the facts of one method."""
    with counted() as rows:
        ox.explain(model, pictures[0], method)
    found = ox.evaluate(model, pictures, methods=[method], measures=["model_randomisation"])
    alike = found.of("spearman_all")[method].mean()
    return {"forwards": rows["values"], "walks": rows["walk"], "alike": round(float(alike), 2)}


def main() -> None:
    """Measure and write the facts; of a method that this model has not enough for, the reason."""
    asked = sys.argv[1:] or list(ox.methods())
    if unknown := [name for name in asked if name not in ox.methods()]:
        sys.exit(f"no such methods: {', '.join(unknown)}")
    model = ox.load(MODELS / "digits_cnn_torch.onnx", preprocess=MODELS / "digits_cnn_torch.preprocess.json")
    pictures = sorted((MODELS / "images").glob("digit_*.png"))
    known = json.loads(FACTS.read_text(encoding="utf-8")) if FACTS.exists() else {}
    facts = {}
    for method in ox.methods():
        if method not in asked:
            facts |= {method: known[method]} if method in known else {}
            continue
        if method in ELSEWHERE:
            facts[method] = {"elsewhere": ELSEWHERE[method]}
            continue
        try:
            facts[method] = measure(model, pictures, method)
        except OnnxplainError as problem:
            facts[method] = {"problem": str(problem)}
        print(method, facts[method], flush=True)
    FACTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
