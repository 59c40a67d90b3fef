"""Which of many tests that are alike run by default: at least one of each kind. The others are marked slow."""

from __future__ import annotations

import pytest


def kinds(cases, default):
    """Cases as parameters of a test; those for which `default` says no are marked slow."""
    return [pytest.param(*case, marks=() if default(*case) else pytest.mark.slow) for case in cases]
