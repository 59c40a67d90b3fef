"""The option --all: without it, tests that are marked slow are skipped."""

import pytest


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="run the tests that are marked slow too")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--all"):
        return
    skip = pytest.mark.skip(reason="slow: run with --all")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)
