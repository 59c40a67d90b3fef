"""The record of some rows of an explanation: what it would state, had these rows been explained alone."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any, cast

from onnxplain.record import array_record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.arrays import Array
    from onnxplain.record import Record


def indices(rows: int | slice, count: int) -> list[int]:
    """Return the rows that an index or a slice means, of `count` rows. Raises IndexError where it means none."""
    if isinstance(rows, slice):
        found = list(range(count))[rows]
        if not found:
            raise IndexError(f"rows {rows.start}:{rows.stop}: there is none of the {count} rows")
        return found
    row = index(rows)
    if not -count <= row < count:
        raise IndexError(f"row {row}: the explanation has {count} rows")
    return [row % count]


def record_of_rows(
    record: Record, rows: Sequence[int], attribution: Array, inputs: Array, others: Mapping[str, Array]
) -> Record:
    """Return the record of some rows, with the sha256 of their arrays.

    attribution, inputs, others: those rows alone. Parity, versions and what the model is stay as they are.
    """
    given, count = record["input"], len(record["input"]["names"])
    found: dict[str, Any] = {
        **record,
        "input": {
            **given,
            "names": [given["names"][i] for i in rows],
            "files": [given["files"][i] for i in rows],
            "others": {n: {**array_record(v), "by_row": given["others"][n]["by_row"]} for n, v in others.items()},
            **array_record(inputs),
            **({"frames": [given["frames"][i] for i in rows]} if "frames" in given else {}),
        },
        "target": _cut(record["target"], rows, count),
        "seed": _seed(record["seed"], rows),
        "attribution": array_record(attribution),
        "conservation": _conservation(record["conservation"], rows),
    }
    baseline = record.get("baseline")
    if isinstance(baseline, dict) and isinstance(each := baseline.get("rows"), list):
        found["baseline"] = {**baseline, "rows": [each[i] for i in rows]}
    return cast("Record", found)


def _cut(values: Any, rows: Sequence[int], count: int) -> Any:
    """Return the values of some rows, of a list with one for each; anything else as it is."""
    return [values[i] for i in rows] if isinstance(values, list) and len(values) == count else values


def _seed(seed: Any, rows: Sequence[int]) -> Any:
    """Return the seeds of some rows, where there is a list of one for each."""
    return [seed[i] for i in rows] if isinstance(seed, list) and seed and isinstance(seed[0], list) else seed


def _conservation(kept: Any, rows: Sequence[int]) -> Any:
    if kept is None:
        return None
    return {**kept, "due": [kept["due"][i] for i in rows], "arrived": [kept["arrived"][i] for i in rows], "took": None}
