"""Eight threads on one explainer of a GPU engine, each of which has one stream."""

from __future__ import annotations

import pytest
from engines.test_threads import WALKS, check


@pytest.mark.parametrize(("method", "options"), WALKS[::2])
def test_threads_share_an_explainer(cupy, method, options):  # the engine needs it, or what stands in for it
    check(method, options, rounds=1, engine="cupy")
