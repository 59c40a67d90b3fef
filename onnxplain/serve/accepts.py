"""What a client accepts: which of several kinds of answer fits a request's Accept header (RFC 9110, section 12.5.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from onnxplain.serve.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Sequence

_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?")


class _Range(NamedTuple):
    """A range of media types, such as image/*, and how much it is wanted, 0 to 1."""

    kind: str
    sub: str
    weight: float

    def covers(self, media: str) -> int:
        """Return how closely it names a media type: 3 by its name, 2 by its kind, 1 as any, 0 not at all."""
        kind, _, sub = media.partition("/")
        if (self.kind, self.sub) == (kind, sub):
            return 3
        if self.sub != "*":
            return 0
        return 2 if self.kind == kind else int(self.kind == "*")


def chosen(accept: str | None, offered: Sequence[str]) -> str:
    """Return the media type of those offered that a client wants most; the earlier one of equals.

    accept: the header; without one anything fits. Raises Refusal where nothing that is offered fits.
    """
    ranges = [found for part in (accept or "*/*").split(",") if (found := _range(part)) is not None]
    weights = {media: _weight(media, ranges) for media in offered}
    best = max(offered, key=lambda media: weights[media])
    if not weights[best]:
        raise Refusal(406, "not_acceptable", f"the Accept header fits no answer; there are: {', '.join(offered)}")
    return best


def _weight(media: str, ranges: Sequence[_Range]) -> float:
    """Return how much a media type is wanted: by the range that names it most closely."""
    closest = max(ranges, key=lambda each: (each.covers(media), each.weight), default=None)
    return closest.weight if closest is not None and closest.covers(media) else 0.0


def _range(part: str) -> _Range | None:
    """Return a range of the header; None for one that is not well-formed, which nothing fits."""
    media, *parameters = (each.strip() for each in part.split(";"))
    kind, slash, sub = media.lower().partition("/")
    given = dict(each.replace(" ", "").lower().partition("=")[::2] for each in parameters)
    weight = given.get("q", "1")
    if not (kind and slash and sub) or not _WEIGHT.fullmatch(weight):
        return None
    return _Range(kind, sub, min(float(weight), 1.0))
