"""Measuring a model of tables: slopes against finite differences of its library, Shapley values against all coalitions.

The file may give any of the scores that the library has; what is explained is compared with those that it equals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from checks import Checks
from near import relative

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Sequence

SAME = 1e-3
"""How near scores are to be, as a share of the largest, for being the library's of that name."""


class TableChecks(Checks):
    """The measurements of a model of tables.

    gradient: as for others, where the model has slopes. shapley: how far Shapley values by `tree_shap` are from those
    by all coalitions, as a share of the largest. kernel: the same of `kernel_shap`, which only runs the file.
    """

    def _single(self, model: Any, kind: str) -> None:
        super()._single(model, kind)
        if "gradient" not in self.found["refused"]:
            return
        self.found["kernel"] = self._shapley(model, "kernel_shap", samples=64)
        if "tree_shap" in ox.methods():
            found = self._shapley(model, "tree_shap")
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

    def _shapley(self, model: Any, method: str, **options: Any) -> float | None:
        x = next(iter(self.truth.feeds.values()))
        given = {"baseline": self.truth.background} | options
        e = self._tried(method, lambda: ox.explain(model, x, method, **given))
        if e is None:
            return None
        self._parity(e)
        name = self._matched(e)
        if name is None or f"{name}:shapley" not in self.truth.by:
            self.found["unmatched"] = True
            return 0.0
        return relative(e.attribution, self.truth.by[f"{name}:shapley"][np.arange(len(e.target)), e.target])

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
