"""Freed memory goes back to the system, at most now and then."""

from __future__ import annotations

import platform

import pytest

from onnxplain import freed
from onnxplain.serve import memory


def test_it_is_given_back_when_some_time_has_passed(monkeypatch):
    now, calls = [100.0], []
    monkeypatch.setattr(memory, "monotonic", lambda: now[0])
    monkeypatch.setattr(freed, "_malloc_trim", lambda: calls.append)
    keeper = memory.Keeper()
    found = []
    for now[0] in (100.0, 105.0, 110.0, 111.0, 119.9, 120.0):
        found.append(keeper.give_back())
    assert found == [False, False, True, False, False, True] and calls == [0, 0]


def test_an_allocator_that_needs_no_help_gets_none(monkeypatch):
    monkeypatch.setattr(memory, "EVERY", 0.0)
    monkeypatch.setattr(freed, "_malloc_trim", lambda: None)
    assert memory.Keeper().give_back()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_glibc_has_the_function():
    assert freed._malloc_trim()(0) in (0, 1)
