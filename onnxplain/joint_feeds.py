"""Feeds of a model of which several inputs are explained together: each is read as if it were the explained one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.errors import BadInputError, UnsupportedModelError, UsageError
from onnxplain.feeds import Feeds
from onnxplain.inputs.batch import by_row, places
from onnxplain.rows.probe import check_apart

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.inputs import Source
    from onnxplain.inputs.batch import Batch
    from onnxplain.inputs.read import ReadInput
    from onnxplain.model import Model


class JointFeeds(Feeds):
    """Reads a dict of all inputs, of which several are explained.

    baseline: a dict with a baseline for each explained input, of which 0 is the default, or a number for all of them.
    """

    def __init__(self, model: Model, baseline: Any) -> None:
        self.alone = {name: Feeds(each, None) for name, each in model.alone.items()}
        super().__init__(model, baseline)
        self.of_each(None)

    @cached_property
    def _names(self) -> str:
        return ", ".join(map(repr, self.alone))

    def read(self, x: Any) -> Batch:
        """See `Feeds`. Where each explained input came from is in the `parts` of the batch."""
        if not isinstance(x, Mapping):
            shown = ", ".join(f"{name!r}: ..." for name in self.alone)
            raise BadInputError(
                f"{self._names} are explained together: pass a dict of inputs by name, {{{shown}}} (--input NAME=FILE)"
            )
        self._check_names(x)
        return self._together(x, {name: _named(name, feeds.of_input(x[name])) for name, feeds in self.alone.items()})

    def read_rows(self, x: Mapping[str, Source], names: Mapping[str, Sequence[str]]) -> Batch:
        """See `Feeds`: of one input they may be rows of one file, and of another one files of their own."""
        self._check_names(x)
        reads = {name: feeds.of_input(x[name]) for name, feeds in self.alone.items()}
        return self._together(x, {name: read.take(places(read.names, names[name])) for name, read in reads.items()})

    def _together(self, x: Mapping[str, Any], reads: dict[str, ReadInput]) -> Batch:
        """Return the batch of what was read for each explained input, and of the inputs beside them."""
        model, first = self._model, next(iter(self.alone))
        count = len(reads[first].array)
        for name, read in reads.items():
            if len(read.array) != count:
                raise BadInputError(f"{name}: {len(read.array)} rows, and {first!r} has {count}; give one for each")
        held = {
            v.name: self.beside(v, x[v.name], count) for v in model.canonical.graph.inputs if v.name not in self.alone
        }
        feeds = {name: read.array for name, read in reads.items()} | held
        rows = by_row(model.canonical, feeds)
        self._check_by_row(rows)
        check_apart(model.canonical, feeds, rows, model.fixed_batch)
        return self._joined(reads, feeds, rows)

    def _joined(self, reads: dict[str, ReadInput], feeds: dict[str, Array], rows: frozenset[str]) -> Batch:
        """Return the batch of what was read for each explained input."""
        parts = {
            name: own.batch(reads[name], {name: feeds[name], **{n: v for n, v in feeds.items() if n != name}}, rows)
            for name, own in self.alone.items()
        }
        first = next(iter(parts.values()))
        notes = tuple(dict.fromkeys(note for part in parts.values() for note in part.notes))
        dicom = any(part.dicom for part in parts.values())
        return replace(first, parts=parts, notes=notes, dicom=dicom)

    def of_each(self, baseline: Any) -> dict[str, Any]:
        """Return the baseline of each explained input, None where none was given: that of the call, or of all calls.

        Raises UsageError for a name that is no explained input, and for an array that is not said to be of one.
        """
        given = self.asked(baseline)
        if isinstance(given, Mapping):
            unknown = [name for name in given if name not in self.alone]
            if unknown:
                raise UsageError(f"baseline: {unknown[0]!r} is not explained; expected some of {self._names}")
            return {name: given.get(name) for name in self.alone}
        if given is not None and not isinstance(given, str) and not (isinstance(given, (int, float, np.number))):
            raise UsageError(
                f"baseline: expected a number for all of {self._names}, or a dict with a baseline for each, in Python"
            )
        return dict.fromkeys(self.alone, given)

    def _check_by_row(self, rows: frozenset[str]) -> None:
        """Raise UnsupportedModelError for an explained input that is one for all rows."""
        shared = [name for name in self.alone if name not in rows]
        if shared:
            raise UnsupportedModelError(
                f"the input {shared[0]!r} has no entry for each row, as far as the file tells, so that it is not "
                "explained together with others; name one input with input="
            )


def _named(name: str, read: ReadInput) -> ReadInput:
    """Return what was read, with rows that were in memory named after their input."""
    known = zip(read.names, read.hashes, strict=True)
    names = tuple(each if digest is not None else each.replace("input", name, 1) for each, digest in known)
    return replace(read, names=names)
