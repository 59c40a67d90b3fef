"""Names of classes and of the columns of a table: how they are read, and that there is one for each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from onnxplain.errors import UsageError
from onnxplain.inputs.content import is_loose, text_of
from onnxplain.inputs.vocabulary import lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.inputs.content import Content


def read_names(names: Content | Sequence[str] | None) -> tuple[str, ...] | None:
    """Return names of classes or columns, from a text file with one name a line or from a list; None stays None.

    A blank line between others is an empty name, so that the names behind it keep their index.
    Raises BadInputError for a file that cannot be read as text.
    """
    if names is None or not (isinstance(names, (str, Path)) or is_loose(names)):
        return None if names is None else tuple(cast("Sequence[str]", names))
    text = text_of(cast("Content", names), "a text file, one name a line")
    return tuple(line.strip() for line in lines(text.rstrip()))


def check_labels(labels: Sequence[str] | None, classes: int | None) -> None:
    """Raise UsageError where there are not as many labels as classes. Either may be None, which is not known."""
    if labels is not None and classes is not None and len(labels) != classes:
        raise UsageError(
            f"labels: {len(labels)} names for {classes} classes; one line a class, in the order of the scores"
        )


def check_features(features: Sequence[str] | None, columns: int | None) -> None:
    """Raise UsageError where there are not as many names as columns. Either may be None, which is not known."""
    if features is not None and columns is not None and len(features) != columns:
        raise UsageError(
            f"features: {len(features)} names for {columns} columns; one line a column, in the order of the input"
        )
