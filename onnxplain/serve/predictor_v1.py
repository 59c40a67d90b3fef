"""A predictor that speaks KServe's V1 protocol: instances and predictions in JSON. It states nothing of its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from onnxplain.errors import PredictorError
from onnxplain.serve import json_text
from onnxplain.serve.predictor import Predictor

if TYPE_CHECKING:
    from onnxplain.arrays import Array


class PredictorV1(Predictor):
    """POST /v1/models/NAME:predict. A prediction is a list of scores, a single one, or an object with them."""

    protocol = "v1"

    @property
    def path(self) -> str:
        """See `Predictor`."""
        return f"/v1/models/{quote(self.name, safe='')}:predict"

    def __call__(self, x: Array) -> Any:
        """See `Predictor`."""
        body = json_text.dumps({"instances": x})
        reply = self._connection.post(self.path, body, {"Content-Type": "application/json"})
        return [self._scores(each) for each in self.read(reply, lambda found: _listed(found["predictions"]))]

    def _scores(self, prediction: Any) -> Any:
        """Return the scores of a prediction: itself, or what an object has under the name of the output."""
        if not isinstance(prediction, dict):
            if self.output is not None:
                raise PredictorError(f"{self} gives no outputs with names, such as {self.output!r}; leave it out")
            return prediction
        if self.output is None and len(prediction) == 1:
            return next(iter(prediction.values()))
        if self.output not in prediction:
            listed = ", ".join(map(repr, prediction))
            raise PredictorError(f"{self} gives the outputs {listed}; say which of them has the scores (output=)")
        return prediction[self.output]


def _listed(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise TypeError("predictions is no list")
    return found
