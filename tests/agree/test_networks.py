"""Every method that walks, on small networks and the bundled models, by the engine onnxruntime and in float64.

`test_others` has the methods that do not walk alone. By default every method runs on networks that between them have
every kind of layer, and the other networks are explained by the methods that have most rules.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest
from agree.agreement import check
from agree.networks import CORE
from agree.ways import Ways
from kinds import kinds

from onnxplain.method.along_path import PathSpec
from onnxplain.method.averages import AverageSpec
from onnxplain.method.registry import METHODS
from onnxplain.method.walk_method import WalkSpec

PATHS = [name for name, method in METHODS.items() if isinstance(method, PathSpec)]
"""Methods that tests/method/test_paths.py compares: where one goes next hangs by the rounding of a gradient."""
WALKED = [name for name, method in METHODS.items() if isinstance(method, WalkSpec | AverageSpec) and name not in PATHS]
NO_VARIANCE = ("digits_linear_sklearn", "vargrad")
"""The gradient of a linear model does not vary."""
CASES = [case for case in product(CORE, WALKED) if case != NO_VARIANCE]
THOROUGH = ("relu_cnn", "rectifiers", "attention", "norms", "squeeze_and_excite")
MANY_RULES = ("gradient", "lrp.epsilon_plus_flat", "deeplift")


@cache
def ways(name):
    return Ways(*CORE[name]())


@pytest.mark.parametrize(
    ("name", "method"), kinds(CASES, lambda name, method: name in THOROUGH or method in MANY_RULES)
)
def test_every_method_agrees(name, method):
    check(ways(name), method)
