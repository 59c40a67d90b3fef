"""Layers that are laid on each other give the picture that is drawn at once."""

import io

import numpy as np
import pytest
from PIL import Image

from onnxplain.inputs.placement import Placement
from onnxplain.show.annotations import Annotation
from onnxplain.show.layers import glass, layers
from onnxplain.show.panel import Map
from onnxplain.show.style import Style

RNG = np.random.default_rng(0)
CUT = Placement((60, 90), (40, 60), (4, 14), (32, 32))  # of a picture that is wider than high, the middle is seen


def laid(found, alpha):
    """The layers on each other as a browser lays them, the colours at an opacity."""
    heat = io.BytesIO()
    found.heat.save(heat, "PNG")  # what is sent, with the opacity of each level
    colours = Image.open(heat).convert("RGBA")
    colours.putalpha(colours.getchannel("A").point([round(alpha * i) for i in range(256)]))
    whole = found.photo.convert("RGBA")
    for each in (found.unseen, colours, found.lines, found.notes):
        if each is not None:
            whole.alpha_composite(each)
    return np.asarray(whole.convert("RGB"), int)


@pytest.mark.parametrize("alpha", [0.0, 0.35, 0.6, 1.0])
@pytest.mark.parametrize("place", [None, CUT], ids=["whole", "cut"])
@pytest.mark.parametrize("sign", ["all", "positive"])
def test_layers_on_each_other_are_the_panel(alpha, place, sign):
    size = (60, 90) if place else (32, 32)
    ground = RNG.integers(0, 256, (*size, 3), np.uint8)
    shown = Map(RNG.normal(size=(32, 32)).astype(np.float32), ground, place)
    notes = (Annotation(box=(10, 10, 30, 25)),) if place else ()
    style = Style(alpha=alpha, sign=sign)
    panel, scale = shown.size(), shown.scale(style)
    drawn = np.asarray(shown.drawn(panel, scale, style, notes), int)
    apart = np.abs(drawn - laid(layers(shown, panel, scale, style, notes), alpha))
    assert apart.max() <= 3 and apart.mean() < 0.6


def test_what_is_not_there_is_no_layer():
    shown = Map(RNG.normal(size=(32, 32)).astype(np.float32), RNG.integers(0, 256, (32, 32, 3), np.uint8))
    style = Style(contours=False)
    found = layers(shown, shown.size(), shown.scale(style), style)
    assert (found.unseen, found.lines, found.notes) == (None, None, None)


def test_glass_has_the_colours_and_the_opacity_of_what_is_drawn():
    red = Image.new("L", (3, 2), 0)
    red.putpixel((1, 0), 102)
    found = np.asarray(glass((2, 3), lambda panel: panel.paste((200, 30, 30), (0, 0), red)), int)
    assert np.abs(found[0, 1] - [200, 30, 30, 102]).max() <= 2
    assert not found[1].any()
