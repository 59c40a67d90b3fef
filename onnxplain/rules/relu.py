"""Rules for rectifiers: ReLU, its leaky kin, and clips. They let only positive messages pass.

Both methods are undefined at smooth activations; their composites refuse those, unless told to use the gradient there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.ops import Family
from onnxplain.rules.parts import pos
from onnxplain.rules.rule import rule

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.walk.site import Site


@rule(Family.ELEMENTWISE)
def deconvnet(s: Site, g: AnyArray) -> AnyArray:
    """g⁺: the ReLU is applied to the message instead of its slope. Source: Zeiler & Fergus 2014."""
    return pos(s, g)


@rule(Family.ELEMENTWISE)
def guided(s: Site, g: AnyArray) -> AnyArray:
    """g⁺ f'(x): the ReLU is applied to the message, and its slope too. Source: Springenberg et al. 2015."""
    return pos(s, g) * s.slope
