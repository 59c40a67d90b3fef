"""WAV files: their samples as floats, for every channel, with the rate that the file states.

Whole numbers become floats as other readers do it: divided by 2**(bits - 1), those of 8 bits less 128 before, so that
they lie in [-1, 1). Floats stay as they are.
"""

from __future__ import annotations

import io
import warnings
import wave
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from onnxplain import limits
from onnxplain.errors import BadInputError, MissingExtraError
from onnxplain.inputs.warned import caught

if TYPE_CHECKING:
    from onnxplain.arrays import Array

EXPECTED = "a WAV file of whole numbers (PCM) or floats"
_CONVERT = "convert it, such as by: ffmpeg -i FILE -c:a pcm_s16le new.wav"
PCM = 1
"""The number of the format of plain whole numbers; other forms of header have others, and which `wave` reads of those
depends on the version of Python."""
_FLOAT64 = 8
"""Bytes of a sample as it is returned."""


class Wave(NamedTuple):
    """The samples of a file, float64 [frames, channels], how many of each channel a second has, and their kind."""

    samples: Array
    rate: int
    kind: str


def is_wav(data: bytes) -> bool:
    """Whether bytes begin like a WAV file, of its larger or of its big-endian variant too."""
    return data[:4] in (b"RIFF", b"RF64", b"RIFX") and data[8:12] == b"WAVE"


def read_wav(data: bytes, name: str) -> Wave:
    """Return what the bytes of a WAV file hold. name: what messages call it.

    PCM is read by Python's own `wave`, other forms of it and floats by scipy.

    Raises BadInputError for another or a compressed format, for a file that is cut short, and for one without samples;
    MissingExtraError where it takes scipy, which is not installed.
    """
    if not is_wav(data):
        raise BadInputError(f"{name}: no WAV file, it does not begin as one: expected {EXPECTED}; {_CONVERT}")
    if not data.startswith(b"RIFF"):
        raise BadInputError(f"{name}: a file of the kind {data[:4].decode()}: expected {EXPECTED}; {_CONVERT}")
    found = _plain(data, name) if _format(data) in (PCM, None) else _by_scipy(data, name)
    if not found.samples.size:
        raise BadInputError(f"{name}: a WAV file without samples; expected at least one")
    return found


def _format(data: bytes) -> int | None:
    """Return the number by which the header names the format of the samples; None where it ends before."""
    at = 12
    while at + 10 <= len(data):
        if data[at : at + 4] == b"fmt ":
            return int.from_bytes(data[at + 8 : at + 10], "little")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return None


def _plain(data: bytes, name: str) -> Wave:
    """Return the samples of a plain file of PCM."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            frames, channels, width = file.getnframes(), file.getnchannels(), file.getsampwidth()
            rate, raw = file.getframerate(), file.readframes(frames)
    except EOFError as problem:
        raise BadInputError(f"{name}: a WAV file that ends before its samples; it was cut short") from problem
    except Exception as problem:  # of a broken file it raises errors of many kinds, of which some say nothing
        why = str(problem) or "a chunk of it does not fit in the file"
        raise BadInputError(f"{name}: cannot read the WAV file ({why}): expected {EXPECTED}") from problem
    if len(raw) != frames * channels * width:
        raise BadInputError(
            f"{name}: a WAV file that was cut short: its header states {frames} samples, and there are "
            f"{len(raw) // (channels * width)}"
        )
    if not 1 <= width <= 4:
        raise BadInputError(f"{name}: samples of {8 * width} bits: expected 8, 16, 24 or 32; {_CONVERT}")
    _check_size(len(raw) // width, name)
    return Wave(_scaled(_integers(raw, width)).reshape(-1, channels), rate, f"whole numbers of {8 * width} bits")


def _integers(raw: bytes, width: int) -> Array:
    """Return little-endian numbers of `width` bytes; those of three bytes as the upper ones of four."""
    if width != 3:
        return np.frombuffer(raw, {1: "u1", 2: "<i2", 4: "<i4"}[width])
    padded = np.zeros((len(raw) // 3, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(raw, np.uint8).reshape(-1, 3)
    return np.asarray(padded.view("<i4")).ravel()


def _scaled(numbers: Array) -> Array:
    """Return whole numbers as floats in [-1, 1); floats as they are."""
    if numbers.dtype.kind == "f":
        return numbers.astype(np.float64)
    middle = 128 if numbers.dtype == np.uint8 else 0
    return np.asarray((numbers.astype(np.float64) - middle) / 2.0 ** (8 * numbers.dtype.itemsize - 1))


def _by_scipy(data: bytes, name: str) -> Wave:
    """Return the samples of a file of floats, or one whose header is of the extensible form."""
    wavfile = _wavfile(name)
    try:
        with caught():
            warnings.simplefilter("error", wavfile.WavFileWarning)  # it warns where a file was cut short
            warnings.filterwarnings("ignore", "Chunk .* not understood", wavfile.WavFileWarning)
            rate, found = wavfile.read(io.BytesIO(data))
    except Exception as problem:  # of a broken file it raises errors of many kinds
        raise BadInputError(
            f"{name}: cannot read the WAV file ({problem}): expected {EXPECTED}, and a file that is not cut short; "
            f"{_CONVERT}"
        ) from problem
    _check_size(found.size, name)
    kind = "floats" if found.dtype.kind == "f" else f"whole numbers of up to {8 * found.dtype.itemsize} bits"
    return Wave(_scaled(found if found.ndim == 2 else found[:, np.newaxis]), int(rate), kind)


def _wavfile(name: str) -> Any:
    try:
        from scipy.io import wavfile
    except ImportError as problem:
        raise MissingExtraError(
            f"{name}: a WAV file of floats, or with a header of the extensible form, is read by scipy: "
            "pip install 'onnxplain[sound]'"
        ) from problem
    return wavfile


def _check_size(count: int, name: str) -> None:
    """Raise BadInputError where so many samples are beyond the limit of `array_bytes`."""
    limits.check("array_bytes", count * _FLOAT64, f"{name} has {count} samples, {count * _FLOAT64} bytes as floats")
