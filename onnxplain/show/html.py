"""An explanation as HTML, for notebooks: whole in one string, pictures inside."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING

from onnxplain.show.tokens import tokens_html
from onnxplain.show.view import view

if TYPE_CHECKING:
    from PIL import Image

    from onnxplain.explanation import Explanation

MOST = 8
"""Rows that are shown; a sentence counts the others."""


def html(e: Explanation) -> str:
    """The first rows of an explanation, one below another."""
    rows = len(e.attribution)
    more = f"<p>and {rows - MOST} more rows</p>" if rows > MOST else ""
    return "\n".join(_row(e, row) for row in range(min(rows, MOST))) + more


def _row(e: Explanation, row: int) -> str:
    seen = view(e, row)
    gap = "" if e.delta is None else f", completeness gap {e.delta[row]:.2g}"
    if seen.kind == "tokens" and seen.names is not None:
        shown = tokens_html(seen.names, seen.relevance)
    else:
        shown = f'<img alt="{escape(seen.title)}" style="max-width:100%" src="{data_uri(seen.draw())}">'
    return f"<figure><figcaption><b>{escape(seen.title)}</b> · {escape(e.method)}{gap}</figcaption>{shown}</figure>"


def data_uri(picture: Image.Image) -> str:
    """A picture as a PNG inside an address."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
