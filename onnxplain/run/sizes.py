"""Shapes of all values of a graph, exactly, with the batch as a symbol: learnt by running it with 2 and with 3 rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain.engines.onnxruntime.shapes import BatchSizeNeededError, Rows, Shape, Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from onnxplain.run.forward import Forward

Array = np.ndarray[Any, Any]


def learn(
    forward: Forward, feeds: Mapping[str, Array], names: Iterable[str], *, symbolic: bool
) -> dict[str, Shape]:
    """Shapes of `names` for feeds of this size; with `symbolic`, lengths that grow with the rows become `Rows`."""
    names = sorted(set(names))
    counts = (2, 3) if symbolic else (0,)
    runs = [_shapes(forward, _rows(feeds, count), names) for count in counts]
    return {name: tuple(_size(*sizes) for sizes in zip(*(run[name] for run in runs), strict=True)) for name in names}


def _shapes(forward: Forward, feeds: Mapping[str, Array], names: list[str]) -> dict[str, tuple[int, ...]]:
    found = forward.run(feeds, (), [name for name in names if name not in feeds])[1]
    return found | {name: value.shape for name, value in feeds.items()}


def _rows(feeds: Mapping[str, Array], count: int) -> dict[str, Array]:
    """The first row of each input, `count` times; with 0 the feeds as they are."""
    if not count:
        return dict(feeds)
    batch = max((len(value) for value in feeds.values() if value.ndim), default=1)
    grows = {name for name, value in feeds.items() if value.ndim and len(value) == batch}
    return {name: np.repeat(v[:1], count, 0) if name in grows else v for name, v in feeds.items()}


def _size(two: int, three: int | None = None) -> Size:
    if three is None or two == three:
        return two
    if two * 3 != three * 2:
        raise BatchSizeNeededError
    return Rows(two // 2)
