"""Attributions as pictures: heatmaps, overlays and bars by Pillow alone, `plot` by matplotlib."""

from onnxplain.show.atomic import save_atomic
from onnxplain.show.bars import bars
from onnxplain.show.colour import heatmap, overlay, robust_maximum
from onnxplain.show.picture import picture
from onnxplain.show.plot import plot

__all__ = ["bars", "heatmap", "overlay", "picture", "plot", "robust_maximum", "save_atomic"]
