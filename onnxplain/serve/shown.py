"""What the page shows of one row of an explanation, in plain JSON types.

Pictures, colours, scales and rounded numbers all come from `onnxplain.show`, so that the page says what a saved picture
says. A map comes in layers, of which the page may change the opacity; bars, waterfalls and tokens come as their numbers
with the colours they have, which the page lays out as text that can be read aloud, found and copied.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.show.bar import ramp, ticks
from onnxplain.show.bars import ends_of, strongest
from onnxplain.show.beside import beside
from onnxplain.show.html import image_uri
from onnxplain.show.layers import layers
from onnxplain.show.png import write_png
from onnxplain.show.style import Style
from onnxplain.show.tokens import coloured
from onnxplain.show.view import checked
from onnxplain.show.waterfall import steps
from onnxplain.show.wave import ribbon
from onnxplain.show.words import chance, number, target_of, title_of, words_of
from onnxplain.strict_json import strict

if TYPE_CHECKING:
    from PIL import Image

    from onnxplain.arrays import Array
    from onnxplain.explanation import Explanation
    from onnxplain.show.colour import Scale
    from onnxplain.show.view import View
    from onnxplain.show.words import Words

TOP = 20
"""So many of the strongest columns are shown."""
MOST = 800
"""A map has so many pixels on its longer side at most, as no more are seen of it on the page."""
_RAMP = (10, 255)
"""The height and the width of a scale's colours in pixels."""


def shown(e: Explanation, style: Style | None = None, row: int | str = 0) -> dict[str, Any]:
    """Return what is shown of the first row: `kind` says as what.

    It is "map", "waterfall", "bars", "tokens", "wave" or, for anything else, "picture".

    row: "all" for all rows of a table. Raises UsageError for a choice of the style that has no effect on it.
    """
    style, words = style or Style(), words_of(e, 0)
    found: dict[str, Any] = {
        "title": title_of(e, 0),
        "label": e.labels[0],
        "score": number(float(e.score[0])),
        "probability": None if e.probability is None else chance(float(e.probability[0])),
        "method": e.method,
        "target": target_of(e, 0),
        "arrived": None if e.conservation is None else e.conservation.line(0),
        "unit": words.unit,
        "meaning": list(e.meaning),
        "notes": list(e.record["input"]["notes"]) if "input" in e.record else [],
    }
    if row != 0:
        return found | _together(checked(e, row, style))
    if len(e.parts) > 1:
        return {**found, "kind": "picture", "picture": uri(beside(e, 0, style).image())}
    seen = checked(e, 0, style)
    return dict(strict({**found, **_of_kind(e, seen)}))


def _together(seen: View) -> dict[str, Any]:
    """Return what is shown of all rows of a table, of which none has a score of its own."""
    told = {
        "title": seen.words.title,
        "label": seen.words.title,
        "target": "",
        "arrived": None,
        "unit": seen.words.unit,
    }
    bare = replace(seen, words=replace(seen.words, title="", subtitle=""))
    return {**told, "score": None, "probability": None, "kind": "picture", "picture": uri(bare.draw())}


def _of_kind(e: Explanation, seen: View) -> dict[str, Any]:
    if seen.kind == "map" and seen.ground is not None and seen.axes is None and seen.style.background != "none":
        return _map(seen)
    if seen.kind == "tokens":
        return _tokens(seen)
    if seen.kind == "wave" and seen.ground is not None:
        return _wave(seen, seen.ground)
    if seen.kind == "bars":
        return _bars(e, seen)
    bare = replace(seen.words, title="", subtitle="")
    return {"kind": "picture", "picture": uri(replace(seen, words=bare).draw())}


def _map(seen: View) -> dict[str, Any]:
    shown_map, style = seen.map, seen.style
    size, scale = shown_map.size(style.size), shown_map.scale(style)
    size = shown_map.fitted(MOST) if style.size is None and max(size) > MOST else size
    found = layers(shown_map, size, scale, style, seen.notes)
    return {
        "kind": "map",
        "size": [size[1], size[0]],
        "layers": {name: uri(each) for name, each in vars(found).items() if each is not None},
        "alpha": style.alpha,
        "scale": _scale(scale, seen.words),
        "legend": seen.words.legend(scale, style),
    }


def _scale(scale: Scale, words: Words) -> dict[str, Any]:
    """Return the colours of a scale, from its low end at the left, with its numbers and their shares of the score."""
    marks = [{"at": 1 - place, "number": text, "share": share} for place, text, share in ticks(scale, words, few=True)]
    return {"colours": uri(ramp(scale, _RAMP)), "marks": marks[::-1]}


def _wave(seen: View, signal: Array) -> dict[str, Any]:
    """Return a curve over its coloured columns, with what stands at both ends of its axis."""
    picture, scale, words, style = ribbon(signal, seen.relevance, seen.words, seen.style, seen.rate)
    ends = ["0 s", f"{number(signal.size / seen.rate)} s"] if seen.rate else ["sample 0", f"sample {signal.size}"]
    told = {"scale": _scale(scale, words), "legend": words.legend(scale, style)}
    return {"kind": "wave", "picture": uri(picture), "ends": ends, **told}


def _tokens(seen: View) -> dict[str, Any]:
    found, scale = coloured(seen.names or (), seen.relevance, seen.style)
    fields = ("text", "joined", "ground", "ink")
    listed = [{**{name: getattr(each, name) for name in fields}, "value": number(each.value, "+")} for each in found]
    return {"kind": "tokens", "tokens": listed, "scale": _scale(scale, seen.words)}


def _bars(e: Explanation, seen: View) -> dict[str, Any]:
    """Return a waterfall where the numbers share out the score, else bars from zero."""
    words, style = seen.words, seen.style
    colours = [f"rgb{each}" for each in ends_of(style)]
    columns = {"values": _values(e), "colours": colours}
    if words.due is not None and words.score is not None and style.sign == "all":
        found = steps(seen.names, seen.relevance, words.score - words.due, words.score, TOP, style)
        listed = [{**each._asdict(), "said": _said(each.start, each.end, whole=each.whole)} for each in found]
        return {"kind": "waterfall", "steps": listed, **columns}
    rows, others = strongest(seen.names, seen.relevance, TOP, style)
    listed = [{"name": name, "start": 0.0, "end": value, "said": number(value, "+")} for name, value in rows]
    return {"kind": "bars", "steps": listed, "others": others, **columns}


def _said(start: float, end: float, *, whole: bool) -> str:
    return number(end) if whole else number(end - start, "+")


def _values(e: Explanation) -> list[Any] | None:
    """Return the values of the columns of the row, with which a form of them can be filled; None where unknown."""
    if e.inputs.size != e.relevance[0].size or e.inputs.dtype.kind not in "biufO":
        return None
    return [each if isinstance(each, str) else _shortest(each) for each in e.inputs[0].ravel()]


def _shortest(value: Any) -> float | int:
    """Return a number as a person would write it: 14.23 for the float32 that lies next to it."""
    return float(str(value)) if isinstance(value, np.floating) else value.item() if hasattr(value, "item") else value


def uri(picture: Image.Image) -> str:
    """Return a picture as a `data:` URI that holds it as a PNG."""
    file = io.BytesIO()
    if picture.mode == "RGB" and not _is_grey(picture):
        write_png(picture, file)
    else:
        (picture.convert("L") if picture.mode == "RGB" else picture).save(file, "PNG", compress_level=4)
    return image_uri(file.getvalue(), "png")


def _is_grey(picture: Image.Image) -> bool:
    red, green, blue = picture.split()
    return red.tobytes() == green.tobytes() == blue.tobytes()
