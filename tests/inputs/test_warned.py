"""Warnings are caught by one thread at a time, and those of others are not taken for a library's."""

from __future__ import annotations

import threading
import warnings

import pytest

from onnxplain.inputs.warned import caught, noted

PYDICOM = "/site-packages/pydicom/filereader.py"


def told(text, file=PYDICOM):
    warnings.warn_explicit(text, UserWarning, file, 1)


def test_first_lines_of_a_librarys_warnings_are_noted_once():
    with noted("pydicom") as found:
        told("odd\nand more")
        told("odd\nand more")
        told("other")
    assert found == ["odd", "other"]


def test_a_warning_from_elsewhere_is_shown_and_not_noted():
    def read():
        with noted("pydicom") as found:
            told("mine", "/home/somebody/model.py")
            told("odd")
        return found

    with pytest.warns(UserWarning, match="mine") as shown:
        found = read()
    assert found == ["odd"] and len(shown) == 1


def test_filters_of_threads_do_not_take_turns():
    before, inside = list(warnings.filters), []

    def work():
        with caught():
            warnings.simplefilter("error")
            inside.append(threading.get_ident())
            for _ in range(200):
                with pytest.raises(UserWarning):
                    told("x")
            assert inside[-1] == threading.get_ident()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(inside) == 4 and warnings.filters == before
