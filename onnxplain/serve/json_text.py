"""Strict JSON, both ways: what comes is read without NaN and repeated names, and arrays are written fast.

A float32 is written with 9 significant digits and a float64 with 17, so that whoever reads the number in that type gets
the same bits. One formatting of a whole array takes less than a third of the time of a list of Python floats.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from onnxplain.strict_json import LOST, strict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnxplain.arrays import Array

_DIGITS = {2: "%.5g", 4: "%.9g", 8: "%.17g"}
"""The format of a float by its bytes: with as many digits as tell it from all others of its type."""
_PART = 2**15
"""So many numbers are formatted at once: between two parts other threads run."""
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""An escape of half a character, of which two make one. One alone is no character, and no encoding can write it."""


class JsonError(ValueError):
    """A text that is no strict JSON; its message says why."""


def loads(text: bytes | memoryview) -> Any:
    """Return the value of a text in UTF-8. Raises JsonError for what RFC 8259 does not allow, and for a name twice."""
    try:
        decoded = str(text, "utf-8")
        found = json.loads(decoded, parse_constant=_refuse, object_pairs_hook=_once)
        if _HALF.search(decoded):
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeDecodeError as problem:
        raise JsonError(f"byte {problem.start} is no UTF-8") from None
    except UnicodeEncodeError:
        raise JsonError("a text has half a character, such as \\ud800 alone") from None
    except RecursionError:
        raise JsonError("it is nested too deeply") from None
    except JsonError:
        raise
    except ValueError as problem:
        raise JsonError(str(problem)) from None
    return found


def dumps(value: Any) -> bytes:
    """Return a value as JSON text in ASCII. It may hold arrays of numbers or of words, which become nested lists.

    A number that is not finite becomes null, and the innermost object around it says so under "not_finite".
    """
    return "".join(_parts(value)).encode("ascii")


def is_finite(array: Array) -> bool:
    """Whether an array holds neither NaN nor infinity."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _parts(value: Any) -> Iterator[str]:
    """Yield the pieces of the text of a value."""
    if isinstance(value, np.ndarray):
        yield from _array(value) if is_finite(value) else [_plain(strict(value.tolist()))]
        return
    plain = value.item() if isinstance(value, np.generic) else value
    try:
        yield _plain(plain)
    except TypeError:  # there is an array inside
        yield from _object(plain) if isinstance(plain, dict) else _list(plain)
    except ValueError:  # there is a number that is not finite
        yield _plain(strict(plain))


def _list(value: Any) -> Iterator[str]:
    yield "["
    for i, each in enumerate(value):
        yield "," if i else ""
        yield from _parts(each)
    yield "]"


def _object(value: dict[Any, Any]) -> Iterator[str]:
    lost = [str(name) for name, each in value.items() if isinstance(each, np.ndarray) and not is_finite(each)]
    found = {**value, LOST: lost} if lost else value
    yield "{"
    for i, (name, each) in enumerate(found.items()):
        yield f"{',' if i else ''}{json.dumps(str(name))}:"
        yield from _parts(each)
    yield "}"


def _plain(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _array(array: Array) -> Iterator[str]:
    """Yield the pieces of the text of an array; the brackets of its axes are part of the format of its rows."""
    if array.dtype.kind != "f" or array.dtype.itemsize not in _DIGITS or array.ndim == 0 or not array.size:
        yield _plain(array.tolist())
        return
    if array.ndim > 1 and array.size > _PART:
        yield "["
        for i, row in enumerate(array):
            yield "," if i else ""
            yield from _array(row)
        yield "]"
        return
    form = _DIGITS[array.dtype.itemsize]
    for size in reversed(array.shape):
        form = f"[{','.join([form] * size)}]"
    text = form % tuple(array.ravel().tolist())
    yield text.replace("-0,", "-0.0,").replace("-0]", "-0.0]")  # else a reader may take a negative zero for an integer


def _refuse(constant: str) -> NoReturn:
    raise JsonError(f"{constant} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object. Raises JsonError for a name that it has twice, of which it is not known which was meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise JsonError(f"an object has the name {next(n for n in names if names.count(n) > 1)!r} twice")
    return found
