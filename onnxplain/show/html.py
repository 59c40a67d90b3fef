"""An explanation as HTML, for notebooks. The pictures are part of the text, so nothing has to be loaded."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from onnxplain.show.beside import views
from onnxplain.show.png import write_png
from onnxplain.show.tokens import tokens_html
from onnxplain.show.view import view
from onnxplain.show.words import title_of

if TYPE_CHECKING:
    from PIL import Image

    from onnxplain.explanation import Explanation
    from onnxplain.show.view import View

QUALITY = 88
"""Of a JPEG."""
MOST = 8
"""How many rows are shown; a sentence says how many more there are."""


def html(e: Explanation) -> str:
    """Return the first rows of an explanation as HTML, one below the other."""
    rows = len(e)
    more = f"<p>and {rows - MOST} more rows</p>" if rows > MOST else ""
    return "\n".join(_row(e, row) for row in range(min(rows, MOST))) + more


def _row(e: Explanation, row: int) -> str:
    """Return one row as a figure: class, score, method and what arrived above the picture or the coloured text.

    What has to be known of the numbers stands between both. Several inputs stand side by side.
    """
    kept = "" if e.conservation is None else f", {escape(e.conservation.line(row))}"
    if len(e.parts) > 1:
        each = (f"<div>{_named(seen)}{_shown(seen)}</div>" for seen in views(e, row))
        shown = f'<div style="display:flex;flex-wrap:wrap;gap:16px">{"".join(each)}</div>'
    else:
        shown = _shown(view(e, row))
    said = "".join(f"<br>{escape(each)}" for each in e.meaning)
    title = f"<b>{escape(title_of(e, row))}</b> · {escape(e.method)}{kept}{said}"
    return f"<figure><figcaption>{title}</figcaption>{shown}</figure>"


def _named(seen: View) -> str:
    """Return the name of one of several inputs, and what its attributions sum to; "" for a picture, which says it."""
    words = seen.words
    return f"<div><b>{escape(words.title)}</b> {escape(words.subtitle)}</div>" if seen.kind == "tokens" else ""


def _shown(seen: View) -> str:
    """Return the picture of a row, or its coloured text."""
    if seen.kind == "tokens" and seen.names is not None:
        return tokens_html(seen.names, seen.relevance)
    return f'<img alt="{escape(seen.words.title)}" style="max-width:100%" src="{data_uri(seen.draw())}">'


def data_uri(picture: Image.Image, *, photo: bool = False) -> str:
    """Return a picture as a `data:` URI that holds it as a PNG, or a photo as a JPEG, which is a fifth of that."""
    file = io.BytesIO()
    if photo:
        picture.convert("RGB").save(file, "JPEG", quality=QUALITY)
    else:
        write_png(picture, file)
    return image_uri(file.getvalue(), "jpeg" if photo else "png")


def image_uri(data: bytes, kind: str) -> str:
    """Return the bytes of a picture, of the `kind` "png" or "jpeg", as a `data:` URI."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
