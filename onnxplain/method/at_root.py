"""The values and the baseline of an input at its root, which is the input itself or, behind integers, the first floats.

Between two embeddings there is something, and a baseline is a point of their space; between two token ids there is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.arrays import sha256
from onnxplain.errors import BadInputError
from onnxplain.inputs.tokens import ZEROS, empty_token, known_id
from onnxplain.method.scoring import read_value

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.feeds import Feeds
    from onnxplain.guard.engine import GuardedEngine
    from onnxplain.inputs.batch import Batch
    from onnxplain.model import Model
    from onnxplain.strict_json import Json


class AtRoot:
    """The root of the explained input of a model. feeds: what reads that input. forward: what runs the model."""

    def __init__(self, model: Model, feeds: Feeds, forward: GuardedEngine) -> None:
        self._model, self._feeds, self._forward = model, feeds, forward
        self._embeds = len(model.canonical.graph.tensors()[model.root].shape or ()) > len(model.input_shape)

    def values(self, batch: Batch) -> Array:
        """Return the values at the root for all rows, by forward runs where it is not the input."""
        return read_value(self._model, self._forward, batch, self._model.root)

    def baseline(self, batch: Batch, given: Any) -> Array:
        """Return the baseline at the root: of one row for all, of each row, or many for all."""
        given = self._or_default(given)
        if isinstance(given, str):
            if given == ZEROS and self._embeds:
                return np.zeros((), np.float32)
            given = self._id(given)
        array = np.asarray(given)
        if array.ndim > batch.x.ndim and array.dtype.kind == "f":
            return array  # it is one in the space of the embedding
        numbers = self._feeds.numbers(batch, array)
        rows = numbers if numbers.ndim == batch.x.ndim else numbers[np.newaxis]
        try:
            points = np.broadcast_to(rows, (len(rows) if rows.ndim == batch.x.ndim else 1, *batch.x.shape[1:]))
        except ValueError as problem:
            said = f"a baseline of shape {numbers.shape} for an input of shape {batch.x.shape}"
            raise BadInputError(f"{self._model.explained_input.name}: {said}") from problem
        own = range(len(points)) if len(points) == len(batch.x) else [0] * len(points)
        name = self._model.explained_input.name
        found = self.values(batch.at(name, list(own), np.ascontiguousarray(points)))
        return found[0] if len(found) == 1 else found

    def stated(self, given: Any) -> Json:
        """Return the baseline for the record: zeros of the embedding, or a token, or the shape of an array."""
        given = self._or_default(given)
        if isinstance(given, str):
            return {"embedding": "zeros"} if given == ZEROS else {"token": given, "id": self._id(given)}
        array = np.asarray(given)
        return array.item() if array.ndim == 0 else {"shape": list(array.shape), "sha256": sha256(array)}

    def named(self, given: Any) -> str:
        """Return what the baseline is, in words, where it is no array and no number."""
        given = self._or_default(given)
        if not isinstance(given, str):
            return ""
        return "zeros of the embedding" if given == ZEROS else f"the token {given!r} (id {self._id(given)})"

    def _or_default(self, given: Any) -> Any:
        """Return a baseline or, where none is given, the token that stands for nothing, or zeros of the embedding."""
        if given is not None:
            return given
        return (empty_token(self._model.vocabulary) or ZEROS) if self._embeds else 0

    def _id(self, word: str) -> int:
        return known_id(word, self._model.vocabulary)
