"""What the stored values of a DICOM image mean: modality LUT or rescaling, VOI LUT or window, palettes and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from onnxplain.errors import BadInputError
from onnxplain.inputs.depth import WHITE, flat, windowed

if TYPE_CHECKING:
    from onnxplain.arrays import Array
    from onnxplain.inputs.facts import Facts

GREYS = ("MONOCHROME1", "MONOCHROME2")
COLOURS = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
"""The photometric interpretations that are read; pydicom brings those of YBR to RGB."""
FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
LEAST_USED = 16
"""A picture that uses less than this part of its range, one sixteenth, would come out nearly flat."""

_IN_GROUPS = {
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction"),
}
"""Where an enhanced multi-frame image keeps what others state at the top: by functional group, the keywords."""


def about_frame(data: Any, index: int) -> dict[str, Any]:
    """Return what is stated of one frame's values, by keyword: at the top, else for all frames, else for this one."""
    names = ("BitsStored", "PixelRepresentation", "PhotometricInterpretation", "ModalityLUTSequence", "VOILUTSequence")
    about = {name: data.get(name) for name in (*names, *(each for group in _IN_GROUPS.values() for each in group))}
    frames = data.get("PerFrameFunctionalGroupsSequence") or ()
    shared = data.get("SharedFunctionalGroupsSequence") or ()
    for group in (*shared[:1], *frames[index : index + 1]):
        for sequence, keywords in _IN_GROUPS.items():
            for item in (group.get(sequence) or ())[:1]:
                about |= {name: item.get(name) for name in keywords}
    meta = getattr(data, "file_meta", None)
    syntax = getattr(meta, "TransferSyntaxUID", None)
    return about | {"little": syntax is None or syntax.is_little_endian}


def grey(values: Array, about: dict[str, Any], name: str, facts: Facts) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a grey frame of the mode "F", 0 to 255, and notes on what made it.

    Raises BadInputError where the range is unknown, and where `facts` state bits, which the file states itself.
    """
    if facts.bits is not None:
        raise BadInputError(
            f"{name}: a DICOM file states its own bits, and bits={facts.bits} is stated: leave it out, or give "
            "window=(centre, width) in the values after its rescaling"
        )
    meant, low, high, notes = _modality(values, about, name)
    shown, note = _voi(meant, (low, high), about, name, facts)
    notes.append(note)
    if about["PhotometricInterpretation"] == "MONOCHROME1":
        shown = np.float32(WHITE) - shown
        notes.append("inverted, since MONOCHROME1 shows its smallest value white")
    return Image.fromarray(shown), tuple(notes)


def _modality(values: Array, about: dict[str, Any], name: str) -> tuple[Array, float, float, list[str]]:
    """Return values after the modality LUT or the rescaling, the least and the most they can be, and notes."""
    low, high = _stored_range(values, about, name)
    lut = about["ModalityLUTSequence"]
    if lut:
        table, first, bits = _table(lut[0], about, name)
        return _looked_up(values, table, first), 0.0, 2.0**bits - 1, ["modality LUT applied"]
    slope, intercept = about["RescaleSlope"], about["RescaleIntercept"]
    if slope is None or intercept is None:
        return values, low, high, []
    m, b = float(slope), float(intercept)
    if not np.isfinite([m, b]).all() or m == 0:
        raise BadInputError(f"{name}: the DICOM file rescales its values by {m:g} x {b:+g}, which tells nothing")
    ends = sorted((m * low + b, m * high + b))
    if (m, b) == (1.0, 0.0):
        return values, low, high, []
    return values.astype(np.float64) * m + b, ends[0], ends[1], [f"rescaled to {m:g} x {b:+g}"]


def _stored_range(values: Array, about: dict[str, Any], name: str) -> tuple[float, float]:
    """Return the least and the most that a stored value can be; NaN for both where they are floats."""
    if values.dtype.kind == "f":
        return float("nan"), float("nan")
    if not isinstance(about["BitsStored"], int) or about["BitsStored"] < 1:
        raise BadInputError(f"{name}: the DICOM file does not state how many bits it stores (0028,0101)")
    bits = about["BitsStored"]
    return (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1) if about["PixelRepresentation"] else (0.0, 2.0**bits - 1)


def _voi(values: Array, ends: tuple[float, float], about: dict[str, Any], name: str, facts: Facts) -> tuple[Array, str]:
    """Return values as brightness 0 to 255, float32: by the window given, the VOI LUT, the file's window, or all."""
    function = str(about["VOILUTFunction"] or "LINEAR").upper()
    if function not in FUNCTIONS:
        raise BadInputError(f"{name}: its VOI LUT Function is {function!r}: expected {', '.join(FUNCTIONS)}")
    window, count = _window(about)
    lut = about["VOILUTSequence"]
    if facts.window is None and lut:
        table, first, bits = _table(lut[0], about, name)
        looked_up = _looked_up(values, table, first) * (WHITE / (2.0**bits - 1))
        return np.asarray(looked_up, np.float32), f"VOI LUT applied{_first_of(len(lut))}"
    if facts.window is None and window is None:
        return _whole(values, ends, name)
    centre, width = facts.window or window or (0.0, 0.0)
    if not np.isfinite([centre, width]).all() or width < (1 if function == "LINEAR" else 1e-12):
        raise BadInputError(
            f"{name}: a window of centre {centre:g} and width {width:g} shows nothing by {function}; "
            f"give window=(centre, width), such as {_suggested(values)}"
        )
    shown = windowed(values, (centre, width), function)
    whose = "given" if facts.window else f"of the file{_first_of(count)}"
    return shown, f"window of centre {centre:g} and width {width:g} ({function}), {whose}{flat(shown)}"


def _window(about: dict[str, Any]) -> tuple[tuple[float, float] | None, int]:
    """Return the file's first window, None where it has none, and how many there are."""
    centres, widths = (_numbers(about[name]) for name in ("WindowCenter", "WindowWidth"))
    count = min(len(centres), len(widths))
    return ((centres[0], widths[0]) if count else None), count


def _numbers(value: Any) -> list[float]:
    """Return the numbers of an element that holds one or several."""
    if value is None or value == "":
        return []
    return [float(each) for each in (value if hasattr(value, "__iter__") and not isinstance(value, str) else [value])]


def _first_of(count: int) -> str:
    return f", the first of {count}" if count > 1 else ""


def _whole(values: Array, ends: tuple[float, float], name: str) -> tuple[Array, str]:
    """Return the whole range of the stored bits as 0 to 255. Raises BadInputError where the picture would be flat."""
    low, high = ends
    least, most = float(values.min()), float(values.max())
    if not np.isfinite(high - low) or 0 < (most - least) * LEAST_USED < high - low:
        wide = "" if not np.isfinite(high - low) else f" of the {low:g} to {high:g} that it could hold"
        raise BadInputError(
            f"{name}: the DICOM file states no window, and its values use {least:g} to {most:g}{wide}: "
            f"give window=(centre, width); {_suggested(values)} shows them all"
        )
    shown = (values.astype(np.float64) - low) * (WHITE / (high - low))
    return np.asarray(shown, np.float32), f"no window in the file: its whole range, {low:g} to {high:g}, became 0..255"


def _suggested(values: Array) -> str:
    """Return the window that shows all values, as a message writes it."""
    low, high = float(values.min()), float(values.max())
    return f"window=({(low + high + 1) / 2:g}, {high - low + 1:g})"


def _table(item: Any, about: dict[str, Any], name: str) -> tuple[Array, int, int]:
    """Return the entries of a LUT, the value that the first is for, and the bits of an entry (PS3.3 C.11.1.1)."""
    try:
        count, first, bits = (int(each) for each in item.LUTDescriptor)
        count, data = count or 2**16, item.LUTData
        if isinstance(data, bytes):
            wide = bits > 8 or len(data) >= 2 * count
            data = np.frombuffer(data, ("<u2" if about["little"] else ">u2") if wide else "u1")
        table = np.asarray(data, np.float64)[:count]
    except (AttributeError, TypeError, ValueError) as problem:
        raise BadInputError(f"{name}: a look-up table of the DICOM file cannot be read") from problem
    if len(table) < count or not 1 <= bits <= 16:
        raise BadInputError(f"{name}: a look-up table has {len(table)} entries of {bits} bits, and states {count}")
    return table, first, bits


def _looked_up(values: Array, table: Array, first: int) -> Array:
    """Return the entry for each value; those below the first, and above the last, have that of the end."""
    index = np.rint(values.astype(np.float64) - first).clip(0, len(table) - 1).astype(np.intp)
    return np.asarray(table[index])


def colours(values: Array, data: Any, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """Return a frame of colours or of a palette as an RGB picture, and notes on what made it."""
    notes: tuple[str, ...] = ()
    bits = int(data.get("BitsStored") or 8)
    if data.PhotometricInterpretation == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        try:
            values = apply_color_lut(values, data)[..., :3]
        except Exception as problem:  # a broken palette makes pydicom raise of many kinds
            raise BadInputError(f"{name}: the palette of the DICOM file cannot be read ({problem})") from problem
        bits, notes = 8 * values.dtype.itemsize, ("colours of its palette",)
    if values.ndim != 3 or values.shape[-1] != 3 or values.dtype.kind != "u":
        raise BadInputError(f"{name}: colours of the shape {values.shape} and {values.dtype}; expected [H, W, 3]")
    if bits != 8:
        values = np.rint(values * (WHITE / (2.0**bits - 1))).clip(0, WHITE)
        notes = (*notes, f"{bits} bits a channel reduced to 8")
    return Image.fromarray(np.ascontiguousarray(values, np.uint8)), notes
