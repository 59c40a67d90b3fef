"""The selectors under the name of their former home; they are defined in `onnxplain.plan.selector`."""

from onnxplain.plan.selector import (
    Selector,
    activation,
    attending,
    between,
    family,
    fed_by,
    first,
    last,
    named,
    op,
    rectifier,
    rounding,
    units,
    weighted,
)

__all__ = [
    "Selector",
    "activation",
    "attending",
    "between",
    "family",
    "fed_by",
    "first",
    "last",
    "named",
    "op",
    "rectifier",
    "rounding",
    "units",
    "weighted",
]
