"""Limits: what a file may ask for, how it is stated, and what a message says of it."""

import re

import pytest

from onnxplain import limits
from onnxplain.errors import BadInputError, UsageError
from onnxplain.limits import Limits


def test_limits_are_given_as_they_are_or_as_a_dict_of_those_that_differ():
    assert Limits.of(None) == Limits()
    assert Limits.of({"nodes": 7}) == Limits(nodes=7)
    assert Limits.of(Limits(pixels=3)) == Limits(pixels=3)


@pytest.mark.parametrize("given", [{"nodes": 0}, {"nodes": "many"}, {"seconds": -1.0}, {"pixels": True}])
def test_a_limit_is_a_number_above_0(given):
    (name,) = given
    with pytest.raises(UsageError, match=f"limit {name}=.*above 0"):
        Limits.of(given)


def test_an_unknown_limit_is_refused():
    with pytest.raises(UsageError, match="'node'; did you mean 'nodes'"):
        Limits.of({"node": 7})
    with pytest.raises(UsageError, match="expected a dict"):
        Limits.of(7)


def test_a_limit_holds_where_it_was_set_and_its_message_says_how_to_raise_it():
    limits.check("nodes", 8, "it has 8 nodes")
    with Limits(nodes=7).hold():
        limits.check("nodes", 7, "it has 7 nodes")
        said = (
            "it has 8 nodes, more than the limit of 7 nodes; "
            "if you trust the file, raise it: limits={'nodes': 8}, or --limit nodes=8"
        )
        with pytest.raises(BadInputError, match=f"^{re.escape(said)}$"):
            limits.check("nodes", 8, "it has 8 nodes")
        with Limits(nodes=9).hold():
            limits.check("nodes", 8, "it has 8 nodes")
    assert limits.held() == Limits()


def test_time_runs_from_where_the_limit_was_set(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(limits, "monotonic", lambda: now[0])
    limits.check_time("waiting")
    with Limits(seconds=5).hold():
        now[0] = 105.0
        limits.check_time("waiting")
        now[0] = 105.1
        with pytest.raises(BadInputError, match=r"more than the limit of 5 seconds, while waiting.*--limit seconds=10"):
            limits.check_time("waiting")
