"""Drawn sounds of half a second: a tone, a chirp, a burst of noise or a click, at a random time in faint noise.

A sound is drawn from the number of its set and its own, so that each can be drawn again alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

RATE, LENGTH = 8000, 4000
"""Samples a second, and samples of a sound."""
CLASSES = ("tone", "chirp", "noise", "click")
TRAIN, HELD_OUT = 0, 1
SIZES = {TRAIN: 3200, HELD_OUT: 800}
"""The number of each set, and how many sounds it has; the classes take turns."""
FAINT = 0.004
"""The standard deviation of the noise that is everywhere."""
MARGIN = 200
"""How many samples lie before and behind an event at least."""
FADE = 80
"""How many samples an event but a click takes to swell and to fade."""


class Sound(NamedTuple):
    """Samples as a WAV file of 16 bits holds them, int16 [LENGTH], and where the event begins and ends, in samples."""

    samples: np.ndarray
    event: tuple[int, int]


def sound(which: int, index: int) -> Sound:
    """Draw one sound of a set; its class is `index % 4`."""
    rng = np.random.default_rng([which, index])
    event = DRAW[CLASSES[index % len(CLASSES)]](rng)
    start = int(rng.integers(MARGIN, LENGTH - MARGIN - len(event)))
    drawn = rng.normal(0, FAINT, LENGTH)
    drawn[start : start + len(event)] += rng.uniform(0.2, 0.8) * event / np.abs(event).max()
    return Sound(np.rint(drawn * 2**15).clip(-(2**15), 2**15 - 1).astype(np.int16), (start, start + len(event)))


def sounds(which: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw all sounds of a set: waveforms in [-1, 1), float32 [N, LENGTH], labels, and events [N, 2]."""
    drawn = [sound(which, index) for index in range(SIZES[which])]
    waves = np.stack([each.samples for each in drawn]).astype(np.float32) / 2**15
    return waves, np.arange(len(drawn)) % len(CLASSES), np.array([each.event for each in drawn])


def _faded(event: np.ndarray) -> np.ndarray:
    swell = np.sin(np.linspace(0, np.pi / 2, FADE)) ** 2
    event[:FADE] *= swell
    event[-FADE:] *= swell[::-1]
    return event


def _wave(frequencies: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a sine whose frequency in Hz is given for each sample, from a random phase on."""
    return _faded(np.sin(2 * np.pi * (np.cumsum(frequencies) / RATE + rng.random())))


def _tone(rng: np.random.Generator) -> np.ndarray:
    return _wave(np.full(rng.integers(900, 2200), rng.uniform(300, 2500)), rng)


def _chirp(rng: np.random.Generator) -> np.ndarray:
    low = rng.uniform(300, 1000)
    rise = np.geomspace(low, low * rng.uniform(2.2, 3.2), rng.integers(900, 2200))
    return _wave(rise[:: rng.choice((-1, 1))], rng)


def _noise(rng: np.random.Generator) -> np.ndarray:
    return _faded(rng.normal(size=rng.integers(600, 1800)))


def _click(rng: np.random.Generator) -> np.ndarray:
    length = rng.integers(24, 64)
    return rng.normal(size=length) * np.exp(-np.arange(length) * (5 / length))


DRAW = {"tone": _tone, "chirp": _chirp, "noise": _noise, "click": _click}
"""By class: what draws its event."""
