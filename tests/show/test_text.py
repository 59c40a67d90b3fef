"""Text is drawn in a font that has its letters, and as code points where there is none; no letter is lost."""

import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

from onnxplain.errors import UsageError
from onnxplain.show import Style, fonts
from onnxplain.show.fonts import OWN, Source, at_size, has, with_letters
from onnxplain.show.text import drawable, font, middled, put, shortened, width_of, wrapped

CHINESE, CYRILLIC, ACCENTS = "心脏肥大", "кардиомегалия", "Käse crème İğdır"


def needs(text):
    source = with_letters(frozenset(text))
    if source is None:
        pytest.skip(f"no font of this system has {text}")
    return source


@pytest.fixture
def bare(monkeypatch):
    """A system without fonts."""
    caches = (fonts.with_letters, fonts._installed)
    monkeypatch.setattr(fonts, "_candidates", lambda _: [])
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()


def drawn(text, face, anchor="la", place=(20, 20)):
    paper = Image.new("RGB", (700, 80), "white")
    put(ImageDraw.Draw(paper), place, text, face, (0, 0, 0), anchor)
    return np.asarray(paper)[..., 0] < 128


def test_the_font_of_pillow_has_ascii_and_lacks_other_scripts():
    assert all(has(OWN, chr(c)) for c in range(0x20, 0x7F))
    assert not any(has(OWN, c) for c in CHINESE + CYRILLIC)


@pytest.mark.parametrize("text", [CHINESE, CYRILLIC, ACCENTS])
def test_letters_that_it_lacks_are_those_of_a_font_of_the_system(text):
    source = needs(text)
    face = font(20)
    assert face.runs(drawable(text)) == [(source, text)]
    paper = Image.new("RGB", (700, 80), "white")
    own = at_size(source, 20)
    base = 20 + at_size(OWN, 20).getmetrics()[0]
    ImageDraw.Draw(paper).text((20, base), text, font=own, fill=(0, 0, 0), anchor="ls")
    assert np.array_equal(drawn(text, face), np.asarray(paper)[..., 0] < 128)
    assert width_of(text, face) == round(own.getlength(text))


def test_without_a_font_letters_are_code_points(bare):
    face = font(20)
    assert face.runs("a 心") == [(OWN, "a U+5FC3")]
    assert face.runs("Käse") == [(OWN, "KU+00E4se")]
    assert np.array_equal(drawn("a 心", face), drawn("a U+5FC3", face))
    assert "?" not in "".join(part for _, part in face.runs(CHINESE + CYRILLIC + ACCENTS))


def test_a_text_of_several_scripts_has_parts_where_no_font_has_them_all(monkeypatch):
    known = {"心": Source("a.ttf"), "д": Source("b.ttf")}
    monkeypatch.setattr("onnxplain.show.text.with_letters", lambda letters: known.get("".join(letters)))
    assert font(20).runs("a心 д\u0e01") == [
        (OWN, "a"),
        (Source("a.ttf"), "心"),
        (OWN, " "),
        (Source("b.ttf"), "д"),
        (OWN, "U+0E01"),
    ]


def test_folders_are_searched_where_there_is_no_fontconfig(monkeypatch, tmp_path):
    source = needs(CYRILLIC)
    (tmp_path / ".fonts").mkdir()
    shutil.copy(source.path, tmp_path / ".fonts" / "Some Sans.ttf")
    (tmp_path / ".fonts" / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr(fonts.shutil, "which", lambda _: None)
    monkeypatch.setattr(fonts.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(fonts.Path, "is_dir", lambda path: path == tmp_path / ".fonts")
    for each in (fonts.with_letters, fonts._installed):
        each.cache_clear()
    found = with_letters(frozenset(CYRILLIC))
    for each in (fonts.with_letters, fonts._installed):
        each.cache_clear()
    assert found == Source(str(tmp_path / ".fonts" / "Some Sans.ttf"))


def test_a_font_that_is_given_is_the_font(tmp_path):
    source = needs(CYRILLIC)
    face = font(20, source.path)
    assert face.runs("Abc") == [(Source(source.path), "Abc")] and not np.array_equal(
        drawn("Abc", face), drawn("Abc", font(20))
    )
    (tmp_path / "no.ttf").write_bytes(b"no font")
    with pytest.raises(UsageError, match=r"no\.ttf.*font"):
        Style(font=tmp_path / "no.ttf")


def test_what_is_drawn_is_composed_printable_and_on_one_line():
    assert drawable("Ka\u0308se\n\t心") == "Käse  心"
    assert drawable("\x1b[31m\u202e") == "U+001B[31mU+202E"


def test_lines_break_at_spaces_between_chinese_letters_and_within_long_names():
    face = font(16)
    assert " ".join(wrapped("tench, Tinca tinca", face, 120)) == "tench, Tinca tinca"
    lines = wrapped("a_long_name_of_a_file_without_spaces.png", face, 150)
    assert "".join(lines) == "a_long_name_of_a_file_without_spaces.png" and len(lines) == 3
    needs(CHINESE)
    lines = wrapped(CHINESE * 3, face, 100)
    assert len(lines) > 1 and "".join(lines) == CHINESE * 3
    for each in (lines, wrapped("word " * 100, face, 200)):
        assert all(width_of(line, face) <= 200 for line in each)
    assert shortened("word " * 100, face, 200).endswith("...")


def test_a_percentage_keeps_its_sign():
    lines = wrapped("-9.308 % of it arrived, 100.3 %, and 9 %", font(16), 60)
    assert len(lines) > 2 and not any(line.startswith("%") for line in lines)


def test_a_name_that_is_too_long_keeps_its_beginning_and_its_value():
    face, name = font(16), "a column of a name that begins as others do, number 17 = 0.25"
    cut = middled(name, face, 200)
    assert cut.startswith("a col") and cut.endswith("17 = 0.25") and "..." in cut and 150 < width_of(cut, face) <= 200
    assert middled("short = 1", face, 200) == "short = 1" and middled(name, face, 1) == "..."


@pytest.mark.parametrize(("anchor", "dx"), [("la", 0), ("ma", 0.5), ("ra", 1)])
def test_an_anchor_is_the_point_that_lies_at_the_place(anchor, dx):
    face, text = font(20), "Hamburg"
    across = np.flatnonzero(drawn(text, face, anchor, (300, 20)).any(0))
    assert abs(across[0] - (300 - dx * width_of(text, face))) <= 3
    up, middle, down = (np.flatnonzero(drawn(text, face, f"l{v}", (20, 40)).any(1)) for v in "amd")
    assert up[0] > 40 > down[-1] - 6 and middle[0] < 40 < middle[-1]
