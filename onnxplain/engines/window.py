"""The geometry of a sliding window: ONNX has several ways to state it, and the engines see this one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Window:
    """A window that slides over the spatial axes of an input, with one number per axis in each field.

    kernel, strides, dilations: as in ONNX. before, after: the number of padding elements on either side; `after` is
    negative where that many last elements of the input are never read, because the stride steps over them.
    out: the number of positions of the window, which is the size of the output.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    out: tuple[int, ...]

    @property
    def pointwise(self) -> bool:
        """Whether the window is one element that visits every position once: a 1x1 convolution is a matrix product."""
        return all(v == 1 for v in self.kernel + self.strides) and not any(self.before + self.after)

    @classmethod
    def resolve(cls, size: tuple[int, ...], kernel: tuple[int, ...], attrs: Mapping[str, Any]) -> Window:
        """Return the window of an ONNX Conv or pool node with attributes `attrs`, over an input of spatial `size`."""
        n = len(kernel)
        strides = tuple(attrs.get("strides") or (1,) * n)
        dilations = tuple(attrs.get("dilations") or (1,) * n)
        span = tuple((k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True))
        auto = attrs.get("auto_pad") or "NOTSET"
        if auto.startswith("SAME"):
            out = tuple(math.ceil(i / s) for i, s in zip(size, strides, strict=True))
            total = [max((o - 1) * s + k - i, 0) for i, o, s, k in zip(size, out, strides, span, strict=True)]
            before = tuple(t - t // 2 if auto == "SAME_LOWER" else t // 2 for t in total)
        else:
            pads = (0,) * 2 * n if auto == "VALID" else tuple(attrs.get("pads") or (0,) * 2 * n)
            before, after = pads[:n], pads[n:]
            out = tuple(
                _steps(i + b + a - k, s, b + i, ceil=bool(attrs.get("ceil_mode")))
                for i, b, a, k, s in zip(size, before, after, span, strides, strict=True)
            )
        return cls.over(size, kernel, strides, dilations, before, out)

    @classmethod
    def over(
        cls,
        size: tuple[int, ...],
        kernel: tuple[int, ...],
        strides: tuple[int, ...],
        dilations: tuple[int, ...],
        before: tuple[int, ...],
        out: tuple[int, ...],
    ) -> Window:
        """Return the window of a known output size, from which the padding behind follows."""
        last = ((o - 1) * s + (k - 1) * d + 1 for o, s, k, d in zip(out, strides, kernel, dilations, strict=True))
        after = tuple(e - i - b for e, i, b in zip(last, size, before, strict=True))
        return cls(kernel, strides, dilations, before, after, out)

    def within(self, size: tuple[int, ...]) -> Window:
        """Return the window without the taps that lie behind an input of this spatial size at every position.

        A mean over all that there is may be written with a kernel of any size, much larger than the input.
        """
        spans = zip(self.kernel, size, self.before, self.dilations, strict=True)
        kernel = tuple(min(k, (i - 1 + b) // d + 1) for k, i, b, d in spans)
        return Window.over(size, kernel, self.strides, self.dilations, self.before, self.out)


def uncovered(attrs: Mapping[str, Any]) -> str:
    """Return in words what runtimes disagree about in a pool with attributes `attrs`, or ""."""
    if not attrs["auto_pad"].startswith("SAME"):
        return ""
    kernel = attrs["kernel_shape"]
    gaps = any(s > k + 1 for s, k in zip(attrs.get("strides") or (1,) * len(kernel), kernel, strict=True))
    return (
        "auto_pad with dilations or strides beyond the kernel"
        if gaps or any(d > 1 for d in attrs.get("dilations") or ())
        else ""
    )


def _steps(room: int, stride: int, end: int, *, ceil: bool) -> int:
    """Return the number of window positions along one axis.

    room: the elements, padding included, that a window of the first position leaves behind it.
    ceil: whether a last window may reach beyond the padding; it may not begin at `end` or later, in the padding behind.
    """
    steps = -(-room // stride) if ceil else room // stride
    if ceil and steps * stride >= end:
        steps -= 1
    return steps + 1
