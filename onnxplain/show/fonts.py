"""Fonts: Pillow's own and, for letters that it lacks, those of the system.

Pillow's font has the letters of ASCII and little more. A text with others is set in one font that has all of its
letters, which fontconfig names where it is installed, and else the folders of fonts are searched for one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import ImageFont

from onnxplain.errors import UsageError

NOWHERE = "\U0010ffff"
"""A code point that is no letter in any font: what a font draws for it, it draws for all letters that it lacks."""
ENDINGS = (".ttf", ".otf", ".ttc", ".otc")
MOST = 2000
"""How many files of fonts are looked at where fontconfig is missing."""
_LANGUAGES = (  # the first and the last code point of a script, and a language that is written in it
    (0x3040, 0x30FF, "ja"),
    (0xAC00, 0xD7AF, "ko"),
    (0x3400, 0x9FFF, "zh-cn"),
)
"""Chinese, Japanese and Korean have letters in common whose forms differ; kana and hangul tell them apart."""


class Source(NamedTuple):
    """Where a font comes from: its file, and its place in a file of several, from 0; Pillow's own has no file."""

    path: str = ""
    place: int = 0


OWN = Source()


@lru_cache(64)
def at_size(source: Source, size: int) -> ImageFont.FreeTypeFont:
    """Return a font at a size in pixels. Raises UsageError for a file that is no font."""
    if source == OWN:
        found = ImageFont.load_default(size)
        if not isinstance(found, ImageFont.FreeTypeFont):
            raise UsageError("this Pillow draws no text: it was built without FreeType; install a wheel of it")
        return found
    try:
        return ImageFont.truetype(source.path, size, source.place)
    except OSError as problem:
        raise UsageError(f"font={source.path!r}: cannot be read as a font ({problem})") from problem


@lru_cache(4096)
def has(source: Source, letter: str) -> bool:
    """Whether a font has a letter; a space is had by all."""
    return letter.isspace() or _drawn(source, letter) != _drawn(source, NOWHERE)


@lru_cache(4096)
def _drawn(source: Source, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = at_size(source, 20).getmask(letter)
    return mask.size, bytes(mask)


@lru_cache(256)
def with_letters(letters: frozenset[str]) -> Source | None:
    """Return a font of the system that has all of these letters; None where there is none."""
    return next((each for each in _candidates(letters) if _has_all(each, letters)), None)


def _candidates(letters: frozenset[str]) -> list[Source]:
    """Return the fonts of the system that may have these letters, the likeliest first."""
    tool = shutil.which("fc-match")
    if tool is None:
        return _installed()
    codes = " ".join(f"{ord(each):x}" for each in sorted(letters))
    pattern = f"sans-serif:charset={codes}{_language(letters)}"
    try:
        command = [tool, "--format", "%{file}\n%{index}\n", pattern]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - no shell, and nothing of a user's but code points
        path, index = done.stdout.splitlines()[:2]
    except (OSError, subprocess.SubprocessError, ValueError):
        return _installed()
    return [Source(path, int(index or 0) & 0xFFFF)]


def _language(letters: frozenset[str]) -> str:
    """Return the part of fontconfig's pattern that names the language; "" where the letters tell none."""
    for first, last, name in _LANGUAGES:
        if any(first <= ord(each) <= last for each in letters):
            return f":lang={name}"
    return ""


@cache
def _installed() -> list[Source]:
    """Return the fonts in the folders where systems keep them, upright ones for long texts first."""
    home, windows = Path.home(), os.environ.get("WINDIR", "")
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts", home / ".local/share/fonts"]
    folders += [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    folders += [Path(windows, "Fonts")] if windows else []
    files = (each for folder in folders if folder.is_dir() for each in sorted(folder.rglob("*")))
    fonts = [each for _, each in zip(range(MOST), (f for f in files if f.suffix.lower() in ENDINGS), strict=False)]

    def unlike(path: Path) -> tuple[bool, bool, str]:
        name = path.stem.lower()
        return any(word in name for word in ("bold", "italic", "oblique", "mono", "serif")), "sans" not in name, name

    return [Source(str(each)) for each in sorted(fonts, key=unlike)]


def _has_all(source: Source, letters: frozenset[str]) -> bool:
    try:
        return all(has(source, each) for each in letters)
    except UsageError:  # what is no font that can be read at any size
        return False
