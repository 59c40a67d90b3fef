"""Mutants: mutant i of seed s depends on s and i alone, and on the installed onnx, whose node tests it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np
from changes import KINDS, pick
from changes.raw import RAW

if TYPE_CHECKING:
    import onnx
    from corpus import Corpus

for module in ("attributes", "nodes", "edges", "types", "weights", "header", "inserted", "nested"):
    import_module(f"changes.{module}")

UNTOUCHED = "untouched"
FAVOURED = {
    "inserted.piece": 5,
    "inserted.head": 3,
    "nested.in_if": 2,
    "nested.in_loop": 2,
    "nested.in_function": 2,
    "attributes.value": 2,
    "attributes.word": 3,
    "attributes.defined": 3,
    "attributes.length": 2,
}
"""Kinds that are drawn more often: those that leave a file sound, and those that few nodes have room for."""


@dataclass(frozen=True)
class Mutant:
    """A file. base: what it was made of; kinds: what was done, the first of which it counts as."""

    seed: int
    index: int
    base: str
    kinds: tuple[str, ...]
    data: bytes

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers for what is asked about the mutant, which are not those that made it."""
        return np.random.default_rng([self.seed, self.index, 1])


def mutant(corpus: Corpus, seed: int, index: int) -> Mutant:
    """Return a mutant: of a model of the corpus, with up to three changes. One in ten is left as it is."""
    rng = np.random.default_rng([seed, index])
    base, model = corpus.draw(rng)
    how = rng.random()
    done: list[str] = []
    if how > 0.1:
        for _ in range(1 + int(rng.integers(4)) // 3 + int(rng.integers(8)) // 7):
            _change(model, rng, done)
    data = model.SerializeToString(deterministic=True)
    if how > 0.93:
        name = pick(rng, list(RAW))
        data = RAW[name](data, rng)
        done.append(name)
    return Mutant(seed, index, base, tuple(done) or (UNTOUCHED,), data)


def _change(model: onnx.ModelProto, rng: np.random.Generator, done: list[str]) -> None:
    """Change a model in one of the ways that fit it."""
    names = [name for name in KINDS for _ in range(FAVOURED.get(name, 1))]
    for _ in range(8):
        if not model.graph.node:
            return
        name = pick(rng, names)
        try:
            changed = KINDS[name](model, rng)
        except Exception:  # noqa: BLE001 - onnx meets what an earlier change has broken, and what was done so far stays
            changed = True
        if changed:
            done.append(name)
            return
