"""Conditions: a message that passes through some channels of a value alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from onnxplain.rules.rule import Rule

if TYPE_CHECKING:
    from onnxplain.arrays import AnyArray
    from onnxplain.rules.rule import Messages
    from onnxplain.walk.site import Site


@dataclass(frozen=True)
class Through(Rule):
    """Another rule, of what arrives at `channels` of the node's output alone. Source: Achtibat et al. 2023.

    axis: that of the channels. Rules are linear in the message: over all channels, the messages sum to the rule's own.
    """

    rule: Rule
    channels: tuple[int, ...]
    axis: int = 1

    def __call__(self, s: Site, R: AnyArray) -> Messages:
        sizes = s.like_y.shape
        kept = np.isin(np.arange(sizes[self.axis]), self.channels).astype(np.float32)
        mask = s.xp.const(kept.reshape([-1 if axis == self.axis else 1 for axis in range(len(sizes))]))
        s.absorb("lost", lambda: R * (1 - mask))
        return self.rule(s, R * mask)
