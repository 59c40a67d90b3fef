"""Names are anyone's words: none of them moves the cursor, colours a terminal or forges a line."""

import doctest
import pickle

import pytest

from onnxplain import errors, text

HOSTILE = "a\x1b[31m\x9b2J\x07\r\b\tb\nforged  line\u202ec\u2028d\x7f\ud800"


def test_the_examples_of_the_module():
    assert not doctest.testmod(text).failed


def test_what_a_terminal_obeys_is_escaped():
    said = text.printable(HOSTILE)
    assert said.isprintable()
    assert said == r"a\x1b[31m\x9b2J\x07\r\x08\tb\nforged  line\u202ec\u2028d\x7f\ud800"
    assert text.printable("Gänseblümchen 雛菊 ±1 🌼") == "Gänseblümchen 雛菊 ±1 🌼"


def test_a_cell_of_a_table_is_one_line():
    assert text.columns([("x\ny", "z"), ("a", "b\x1b[2J")]).splitlines() == [r"x\ny  z", r"a     b\x1b[2J"]


@pytest.mark.parametrize("kind", [errors.UsageError, errors.MissingExtraError, errors.BadInputError])
def test_an_error_is_one_line_and_its_list_a_line_each(kind):
    said = str(kind(f"bad {HOSTILE}"))
    assert said.isprintable() and said.startswith(r"bad a\x1b[31m") and "forged  line" in said
    listed = kind("no plan:", f"node {HOSTILE}", "node 2")
    assert len(str(listed).splitlines()) == 3
    assert str(listed).endswith("\n  node 2")
    assert str(pickle.loads(pickle.dumps(listed))) == str(listed)  # noqa: S301  # our own, made here


def test_an_error_says_no_address_in_memory():
    said = str(errors.BadInputError(f"cannot read {object()}: {255:#x} bytes"))
    assert said == "cannot read <object object>: 0xff bytes"
