"""The checks find bugs: each is planted in a source, and the check that passes without it must fail."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from kernels.launch import needs_compiler
from kernels.planted import BUGS, run_planted, run_sound

pytestmark = needs_compiler


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name):
    """By an error of the check, or by the end of the process, which is a RuntimeError (BrokenProcessPool) as well."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        process.submit(run_sound, name).result()
        with pytest.raises((AssertionError, RuntimeError)):
            process.submit(run_planted, name).result()
