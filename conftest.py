"""`--all` runs the slow tests too; tests that meet a known fault of an old onnxruntime are skipped with it.

The sessions of onnxruntime take one thread each. Most networks of the tests are so small that a second thread costs
more than it brings: it waits for work by spinning, and takes a core from the other process of `-n 2`.
"""

from __future__ import annotations

import pytest
from known_faults import reason

from onnxplain.graph import runtime

runtime.THREADS = 1


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--all`."""
    parser.addoption("--all", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip slow tests without `--all`, and those that meet a known fault of this onnxruntime."""
    for item in items:
        if "slow" in item.keywords and not config.getoption("--all"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --all"))
        if fault := reason(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=fault))
