"""Rules about the ReLU. They gate the message; a rectifier is a ReLU, a leaky one or a clip.

On a smooth activation both methods are undefined: their tables refuse it unless told to use the gradient there.
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
    """g⁺: the ReLU applied to the message. Source: Zeiler & Fergus 2014."""
    return pos(s, g)


@rule(Family.ELEMENTWISE)
def guided(s: Site, g: AnyArray) -> AnyArray:
    """g⁺ f'(x): both gates. Source: Springenberg et al. 2015."""
    return pos(s, g) * s.slope
