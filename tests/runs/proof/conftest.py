"""A small run, and a copy of it that a test may change."""

import shutil

import pytest
from runs.making import pictures, small


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of ten pictures, of which two cannot be read, in three shards."""
    folder = tmp_path_factory.mktemp("made")
    small(pictures(folder / "photos"), folder / "run")
    return folder


@pytest.fixture
def run(made, tmp_path):
    """A copy of the run that may be changed."""
    return shutil.copytree(made / "run", tmp_path / "run")
