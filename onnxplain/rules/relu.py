"""Rules about the ReLU. They gate the message; a rectifier is a ReLU, a leaky one or a clip.

On a smooth activation both methods are undefined: their tables refuse it unless told to use the gradient there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxplain.rules.parts import pos

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.walk.site import Site


def deconvnet(s: Site, g: AnyArray) -> AnyArray:
    """g⁺: the ReLU applied to the message. Source: Zeiler & Fergus 2014."""
    return pos(s, g)


def guided(s: Site, g: AnyArray) -> AnyArray:
    """g⁺ f'(x): both gates. Source: Springenberg et al. 2015."""
    return pos(s, g) * s.slope
