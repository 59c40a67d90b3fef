"""Sounds as inputs: a WAV file becomes the waveform that a model takes, by what is stated of it and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import gcd
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxplain import limits
from onnxplain.errors import BadInputError, MissingExtraError, UsageError
from onnxplain.inputs.shape import show, static
from onnxplain.inputs.wav import is_wav, read_wav

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from onnxplain.arrays import Array
    from onnxplain.inputs.shape import Shape

ENDINGS = (".wav", ".wave")
"""The endings of files that are read as sounds."""
_OTHERS = (".mp3", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".au", ".wma")
"""The endings of sounds that are not read, so that the message can say so."""
MEAN = "mean"
_TAPS = 20
"""For resampling from p to q samples, the filter has this many coefficients for each of the larger of both numbers."""


@dataclass(frozen=True)
class Sound:
    """What a model's file does not say of the waveforms that it takes: `load("model.onnx", rate=Sound(16000))`.

    rate: the number of samples in a second, such as 16000. resample: whether a WAV file of another rate is brought to
    this one, by scipy's `resample_poly`; else it is refused. channel: which one of several channels is taken, from 0,
    or "mean" for the mean of all; by default a file has to have as many as the model takes.

    Raises UsageError for a value that one of these cannot have.
    """

    rate: int
    resample: bool = False
    channel: int | str | None = None

    def __post_init__(self) -> None:
        if not _whole(self.rate) or self.rate < 1:
            raise UsageError(f"rate={self.rate!r}: expected the number of samples in a second, such as 16000")
        if not isinstance(self.resample, bool):
            raise UsageError(f"resample={self.resample!r}: expected True or False")
        if self.channel not in (None, MEAN) and not (_whole(self.channel) and int(self.channel or 0) >= 0):
            raise UsageError(f'channel={self.channel!r}: expected the number of a channel, from 0, or "{MEAN}"')

    @classmethod
    def of(cls, given: int | Mapping[str, Any] | Sound | None) -> Sound | None:
        """Return what is stated by a rate alone, or by a dict of the fields; None stays None."""
        if given is None or isinstance(given, Sound):
            return given
        if not isinstance(given, Mapping):
            return cls(given)
        if unknown := [name for name in given if name not in ("rate", "resample", "channel")]:
            raise UsageError(f"rate: nothing is called {unknown[0]!r}; expected rate, resample and channel")
        if "rate" not in given:
            raise UsageError("resample and channel are for WAV files, whose rate has to be stated too: rate=16000, say")
        return cls(**given)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in plain types."""
        return asdict(self)


def is_sound(source: object) -> bool:
    """Whether a source is a sound: a path with the ending of one, or the bytes of a WAV file."""
    if isinstance(source, (str, Path)):
        return Path(source).suffix.lower() in (*ENDINGS, *_OTHERS)
    return isinstance(source, bytes) and is_wav(source)


def waveform(data: bytes, name: str, sound: Sound | None, shape: Shape, dtype: DTypeLike) -> tuple[Array, str]:
    """Return the row of a WAV file, [1, T], [1, C, T] or [1, T, C] as `shape` has it, and a note on what was done.

    sound: what is stated of the model's waveforms. shape, dtype: of the model's input.

    Raises UsageError where no rate is stated; BadInputError for another rate, length or number of channels than the
    model takes, for a model that takes no waveforms, and for the files that `read_wav` refuses.
    """
    if Path(name).suffix.lower() in _OTHERS:
        raise BadInputError(f"{name}: of sounds, WAV files are read: convert it, such as by: ffmpeg -i FILE new.wav")
    samples, rate, kind = read_wav(data, name)
    if sound is None:
        raise UsageError(
            f"{name} is a sound, and the model has no rate; nothing is guessed: pass rate= (--rate) with how many "
            f"samples a second it was trained with; this file has {rate}"
        )
    _check_takes(name, shape, dtype)
    samples, which = _chosen(samples, name, sound.channel)
    axis = _axis(shape, samples.shape[1], name)
    samples, how = _at_rate(samples, rate, name, sound)
    _check_length(len(samples), shape, axis, name)
    scaled = "as they are" if kind == "floats" else "scaled to [-1, 1)"
    row = samples[:, 0] if len(shape) == 2 else samples.T if axis == 1 else samples
    return row[np.newaxis], f"{name}: {rate} samples a second, {kind} {scaled}{which}{how}"


def _whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_takes(name: str, shape: Shape, dtype: DTypeLike) -> None:
    """Raise BadInputError where an input takes no waveforms of floats."""
    if len(shape) not in (2, 3):
        raise BadInputError(
            f"{name} is a sound, and an input of shape {show(shape)} takes no waveform, [N, T] or [N, C, T]; where it "
            "takes a spectrogram, pass that as an array, made as in training"
        )
    if np.dtype(dtype).kind != "f":
        raise BadInputError(
            f"{name} is a sound, which becomes floats in [-1, 1), and the model takes {np.dtype(dtype)}: pass an array"
        )


def _chosen(samples: Array, name: str, channel: int | str | None) -> tuple[Array, str]:
    """Return the channels that are asked for, [frames, channels], and words on it."""
    count = samples.shape[1]
    if channel is None or (channel == MEAN and count == 1):
        return samples, ""
    if channel == MEAN:
        return samples.mean(1, keepdims=True), f", mean of {count} channels"
    if int(channel) >= count:
        raise BadInputError(f"{name}: channel {channel} of {count}; they are counted from 0")
    return samples[:, [int(channel)]], f", channel {channel} of {count}" if count > 1 else ""


def _axis(shape: Shape, channels: int, name: str) -> int:
    """Return the axis of the channels in a shape of three axes; 0 where it has none.

    It is the one whose length the file fixes to the number of channels. Raises BadInputError where none or both are.
    """
    if len(shape) == 2:
        if channels == 1:
            return 0
        raise BadInputError(f"{name} has {channels} channels, and the model takes one; {_ADVICE}")
    fits = [axis for axis in (1, 2) if static(shape[axis]) == channels]
    if len(fits) == 1:
        return fits[0]
    several = f"; {_ADVICE}" if channels > 1 else "; where it takes a spectrogram, pass that as an array"
    why = "both axes may be that of the channels" if fits else "no axis is fixed to so many"
    raise BadInputError(f"{name} has {channels} channels, and the input is {show(shape)}: {why}{several}")


_ADVICE = f'take one by channel=0 (--channel 0), or their mean by channel="{MEAN}"'


def _at_rate(samples: Array, rate: int, name: str, sound: Sound) -> tuple[Array, str]:
    """Return samples at the rate of the model, and words on it. Raises BadInputError where it is not asked for."""
    if rate == sound.rate:
        return samples, ""
    if not sound.resample:
        raise BadInputError(
            f"{name} has {rate} samples a second, and the model takes {sound.rate}: convert it, such as by: "
            f"ffmpeg -i FILE -ar {sound.rate} new.wav, or ask for it by resample=True (--resample)"
        )
    if rate < 1:
        raise BadInputError(f"{name} states {rate} samples a second")
    up, down = sound.rate // gcd(rate, sound.rate), rate // gcd(rate, sound.rate)
    size = 8 * max(-(-samples.size * up // down), _TAPS * max(up, down))
    limits.check(
        "array_bytes", size, f"{name}, brought from {rate} to {sound.rate} samples a second, takes {size} bytes"
    )
    signal, version = _signal(name)
    found = signal.resample_poly(samples, up, down, axis=0)
    return np.asarray(found), f", resampled to {sound.rate} by resample_poly of scipy {version}"


def _signal(name: str) -> tuple[Any, str]:
    try:
        import scipy
        from scipy import signal
    except ImportError as problem:
        raise MissingExtraError(f"{name}: resampling needs scipy: pip install 'onnxplain[sound]'") from problem
    return signal, str(scipy.__version__)


def _check_length(count: int, shape: Shape, axis: int, name: str) -> None:
    """Raise BadInputError where the file fixes the number of samples to another one."""
    wanted = static(shape[2 if axis == 1 else 1])
    if wanted in (None, count):
        return
    how = f"trim 0 {wanted}s" if count > wanted else f"pad 0 {wanted - count}s"
    raise BadInputError(
        f"{name} has {count} samples for each channel, and the model takes {wanted}: nothing is cut or filled up "
        f"unasked; do so by: sox FILE new.wav {how}, or in Python, and pass the array"
    )
