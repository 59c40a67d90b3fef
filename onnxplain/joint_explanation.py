"""The result of explaining several inputs together: one attribution for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import UsageError
from onnxplain.explanation import Explanation
from onnxplain.joint_record import joint_record, joint_record_of_rows, record_of_part
from onnxplain.method.smooth import smooth
from onnxplain.record_rows import indices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxplain.method.joint import JointMethod, JointResult
    from onnxplain.method.request import Request
    from onnxplain.record import Asked

OF_ONE = (
    *("attribution", "relevance", "raw", "channel_axis"),
    *("inputs", "images", "originals", "features", "vocabulary"),
)
"""What is of one input, and so of a part."""


class JointExplanation(Explanation):
    """What one call explains of several inputs, rows first.

    parts: by the name of the input, the explanation that holds its attribution and all that is of it alone, see OF_ONE.
    Everything else is of all inputs together: `delta` and `conservation` are of the sum of all attributions.
    """

    def __init__(self, parts: Mapping[str, Explanation], **about: Any) -> None:
        vars(self).update(about, _parts=dict(parts))

    @property
    def parts(self) -> Mapping[str, Explanation]:
        """See the class."""
        found: dict[str, Explanation] = vars(self)["_parts"]
        return found

    def __getitem__(self, rows: int | slice) -> Explanation:
        """Return the explanation of one row, or of a slice of rows, see `Explanation`."""
        wanted = indices(rows, len(self))
        if len(wanted) == len(self) == 1:
            return self
        known, start = self.record["input"]["others"], wanted[0]
        kept: dict[str, Any] = {name: value for name, value in vars(self).items() if name != "_parts"}
        by_row = ("score", "prediction", "delta", "probability")
        cut = {name: None if kept[name] is None else kept[name][wanted] for name in by_row}
        others = {name: value[wanted] if known[name]["by_row"] else value for name, value in self.others.items()}
        about = {
            **kept,
            **cut,
            "others": others,
            "target": self.target[wanted] if isinstance(self.target, np.ndarray) else self.target,
            "labels": tuple(self.labels[i] for i in wanted),
            "conservation": self.conservation and self.conservation.of_rows(wanted),
            "book": None,
        }
        own = rows if isinstance(rows, slice) else start
        parts = {name: part[own] for name, part in self.parts.items()}
        return JointExplanation(parts, **about | {"record": joint_record_of_rows(self.record, wanted, parts, others)})

    def __repr__(self) -> str:
        shapes = {name: part.attribution.shape for name, part in self.parts.items()}
        return f"JointExplanation(method={self.method!r}, labels={self.labels}, score={self.score}, parts={shapes})"


def explained_together(
    method: JointMethod, request: Request, result: JointResult, asked: Asked, about: dict[str, Any]
) -> JointExplanation:
    """Return the explanation of what a method found. about: what it says of all inputs together, but for the record."""
    batch, model = request.batch, method.model
    found = {name: smooth(each, asked.smooth, batch.parts[name].channel_axis) for name, each in result.parts.items()}
    record = joint_record(method, request, about["target"], found, asked, about["conservation"])
    apart = {**about, "delta": None, "conservation": None, "book": None, "others": {}}
    parts = {}
    for name, attribution in found.items():
        part, own = batch.parts[name], model.alone[name]
        parts[name] = Explanation(
            attribution=attribution,
            record=record_of_part(record, name, model),
            channel_axis=part.channel_axis if attribution.shape == part.x.shape else None,
            inputs=part.x,
            images=part.images,
            originals=part.originals,
            features=own.features,
            vocabulary=own.vocabulary,
            **apart,
        )
    return JointExplanation(parts, record=record, **about)


def _refused(name: str) -> property:
    def refuse(self: JointExplanation) -> Any:
        parts = list(self.parts)
        also = f"e.attributions[{parts[0]!r}]" if name == "attribution" else f"e.parts[{parts[0]!r}].{name}"
        raise UsageError(f"{', '.join(map(repr, parts))} are explained together, and each has its {name}: take {also}")

    return property(refuse, doc="Of one input: raises UsageError, which says where it is.")


for _name in OF_ONE:
    setattr(JointExplanation, _name, _refused(_name))
