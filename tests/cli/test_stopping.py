"""SIGTERM ends what runs, wherever it arrives."""

from __future__ import annotations

import signal
import sys
import time
import weakref
from contextlib import suppress

import pytest

from onnxplain.cli.stopping import TerminatedError, tidying_up, was_asked


class Thing:
    """Something that can be referred to weakly."""


def in_a_callback(number):
    """Have a signal arrive while the callback of a weak reference runs, where an exception cannot leave."""
    thing = Thing()
    reference = weakref.ref(thing, lambda _: signal.raise_signal(number))
    del thing
    assert reference() is None


@tidying_up()
def waiting(number):
    in_a_callback(number)
    time.sleep(60)


@tidying_up()
def importing():
    try:
        signal.raise_signal(signal.SIGTERM)
    except KeyboardInterrupt:
        raise ImportError("a library could not be imported") from None


@tidying_up()
def careless(told):
    with suppress(BaseException):
        signal.raise_signal(signal.SIGTERM)
    told.append(was_asked())


@tidying_up()
def failing():
    thing = Thing()
    reference = weakref.ref(thing, lambda _: 1 / 0)
    del thing
    raise ValueError(f"of ours, and not of {reference()}")


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, TerminatedError), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_whose_exception_is_lost_comes_again(number, error):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(error) as found:
            waiting(number)
        assert type(found.value) is error
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_an_error_that_a_library_makes_of_it_is_no_error_of_the_command():
    with pytest.raises(TerminatedError):
        importing()


def test_a_library_that_goes_on_does_not_keep_the_process_from_ending():
    told = [was_asked()]
    with pytest.raises(TerminatedError):
        careless(told)
    assert [*told, was_asked()] == [False, True, False]


def test_other_errors_stay_and_other_lost_exceptions_are_told(monkeypatch):
    told = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with pytest.raises(ValueError, match="of ours"):
        failing()
    assert [each.exc_type for each in told] == [ZeroDivisionError]
    assert sys.unraisablehook == told.append
