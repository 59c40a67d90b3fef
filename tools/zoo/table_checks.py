"""Measuring a model of tables: slopes against finite differences of its library, Shapley values against all coalitions.

The file may give any of the scores that the library has; what is explained is compared with those that it equals, or
with the output of the file itself by plain onnxruntime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
from checks import Checks
from near import relative
from table_truth import shapley

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Sequence

SAME = 1e-3
"""How near scores are to be, as a share of the largest, for being the library's of that name."""


class TableChecks(Checks):
    """The measurements of a model of tables.

    gradient: as for others, where the model has slopes. shapley: where it has none, how far what is explained without a
    method is from the Shapley values by all coalitions, as a share of the largest; method: its name.
    """

    def _single(self, model: Any, kind: str) -> None:
        super()._single(model, kind)
        if "gradient" not in self.found["refused"]:
            return
        found = self._shapley(model)
        if found is not None:
            self.found |= {"shapley": found, "refused": {}}

    def _gradient(self, e: Any, kind: str) -> None:  # noqa: ARG002
        name = self._matched(e)
        if name is None:
            self.found["unmatched"] = True
        elif f"{name}:slopes" in self.truth.by:
            true = self.truth.by[f"{name}:slopes"][np.arange(len(e.target)), e.target]
            self.found["gradient"] = relative(e.attribution, true)
        else:
            self.found["unmatched"] = True

    def _shapley(self, model: Any) -> float | None:
        x, background = next(iter(self.truth.feeds.values())), self.truth.background
        e = self._tried("default", lambda: ox.explain(model, x, baseline=background))
        if e is None:
            return None
        self._parity(e)
        self.found["method"] = e.method
        name = self._matched(e)
        if name is not None and f"{name}:shapley" in self.truth.by:
            wanted = self.truth.by[f"{name}:shapley"]
        elif e.prediction.shape == (own := self._deployed(x)).shape and relative(e.prediction, own) < SAME:
            self.found["matched"] = "the file"
            wanted = shapley(self._deployed, x, background)
        else:
            self.found["unmatched"] = True
            return 0.0
        return relative(e.attribution, wanted[np.arange(len(e.target)), e.target])

    def _deployed(self, x: Any) -> Any:
        """Return the scores of the untouched file, by plain onnxruntime."""
        session = onnxruntime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])
        found = session.run(None, {session.get_inputs()[0].name: x.astype(np.float32)})[-1]
        rows = [list(each.values()) for each in found] if isinstance(found, list) else found
        return np.asarray(rows, np.float64)

    def _matched(self, e: Any) -> str | None:
        """Return the name of the library's scores that the explained ones are."""
        for name in self._names():
            scores = self.truth.by[f"{name}:scores"]
            if scores.shape == e.prediction.shape and relative(e.prediction, scores) < SAME:
                self.found["matched"] = name
                return name
        return None

    def _names(self) -> Sequence[str]:
        return [each.rsplit(":", 1)[0] for each in self.truth.by if each.endswith(":scores")]
