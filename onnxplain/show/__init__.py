"""Attributions as pictures: heatmaps, overlays, bars, coloured text and waveforms.

Pillow draws all of them; `plot` draws the same with matplotlib, where that is installed. `view` decides which picture
fits an explanation.
"""

from onnxplain.show.atomic import save_atomic
from onnxplain.show.bars import bars
from onnxplain.show.colour import heatmap, overlay, robust_maximum
from onnxplain.show.picture import picture
from onnxplain.show.style import Style

__all__ = ["Style", "bars", "heatmap", "overlay", "picture", "robust_maximum", "save_atomic"]
