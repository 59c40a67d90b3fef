"""Every method that walks, on small networks and the bundled models, by the engine onnxruntime and in float64.

`test_others` has the methods that do not walk alone.
"""

from __future__ import annotations

from functools import cache

import pytest
from agree.agreement import check
from agree.networks import CORE
from agree.ways import Ways

from onnxplain.method.averages import AverageSpec
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec

WALKED = [name for name, method in METHODS.items() if isinstance(method, WalkSpec | AverageSpec)]
NO_VARIANCE = ("digits_linear_sklearn", "vargrad")


@cache
def ways(name):
    return Ways(*CORE[name]())


@pytest.mark.parametrize("method", WALKED)
@pytest.mark.parametrize("name", CORE)
def test_every_method_agrees(name, method):
    if (name, method) == NO_VARIANCE:
        pytest.skip("the gradient of a linear model has no variance")
    check(ways(name), method)
