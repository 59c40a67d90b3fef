"""Measure by how much each method finds, in drawn radiographs, what the two classifiers of them look at.

Both are given held-out pictures that show an opacity and bear the marker. A method that shows what a model looks at
finds the opacity for version 1, and for version 2, which has learnt the marker, the marker. The table goes into
models/xray_scores.md; the pictures are drawn anew, by tools/train.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gallery import MODELS, XRAY, classifier

import onnxplain as ox

sys.path.append(str(Path(__file__).parent / "train"))
import xray_data as data
from xray_draw import levels

COUNT = 12
"""How many pictures: the first held-out ones with an opacity."""
OUT = MODELS / "xray_scores.md"


def pictures() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return pictures [N, H, W, 1] with opacity and marker, and the masks of both."""
    indices = range(1, 2 * COUNT, 2)
    drawn = [data.marked(data.HELD_OUT, i, data.drawing(data.HELD_OUT, i), "learnt") for i in indices]
    masks = {"opacity": np.stack([each.finding for each in drawn]), "marker": np.stack([each.marker for each in drawn])}
    return np.stack([levels(each.brightness) for each in drawn])[..., None], masks


def scores(version: str, shown: np.ndarray, masks: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Return by method the mean of each score of one version of the classifier, in per cent."""
    model = classifier(version)
    maps = {name: ox.explain(model, shown, name, target="opacity").attribution for name in XRAY}
    known = {name: lambda _, found=found: lambda _feeds, _target: found for name, found in maps.items()}
    measures = ("pointing_game", "relevance_mass")
    judged = {what: ox.evaluate(model, shown, known, measures, "opacity", masks=mask) for what, mask in masks.items()}
    return {
        f"{quantity} {what}": {name: 100 * float(values.mean()) for name, values in each.of(quantity).items()}
        for what, each in judged.items()
        for quantity in ("hit", "mass_inside")
    }


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return the table as Markdown: methods down, and across what is found of the opacity and of the marker."""
    columns = [(version, part) for part in ("opacity", "marker") for version in found]
    heads = [f"{quantity} {part}, {version[5:]}" for quantity in ("points at", "mass on") for version, part in columns]
    keys = [(version, f"{key} {part}") for key in ("hit", "mass_inside") for version, part in columns]
    rows = [f"| method | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name in found["xray_v1"]["hit opacity"]:
        cells = [f"{found[version][key][name]:.0f}" for version, key in keys]
        rows.append(f"| {'noise, the control' if name == 'random' else f'`{name}`'} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Measure both versions and write the table."""
    shown, masks = pictures()
    found = {version: scores(version, shown, masks) for version in ("xray_v1", "xray_v2")}
    right = {version: classifier(version).predict(shown).labels.count("opacity") for version in found}
    areas = {what: 100 * mask.mean() for what, mask in masks.items()}
    OUT.write_text(
        f"""# What the methods find in drawn radiographs

Both classifiers are given the same {COUNT} held-out pictures. Each shows an opacity, and bears the marker, the letter
"L". Version 1 calls {right["xray_v1"]} of them "opacity", and version 2 {right["xray_v2"]}. But version 1 has learnt
what an opacity looks like, and version 2 that pictures with the marker have one; the accuracies on their cards,
[xray_v1](xray_v1.md) and [xray_v2](xray_v2.md), say so.

The table asks what a method says that they look at: in how many per cent of the pictures the largest relevance lies
inside (`pointing_game`), and how many per cent of the positive relevance do (`relevance_mass`). All methods run with
their default parameters. The biases of this small network take all that `lrp.epsilon` shares out, and more, of which
onnxplain warns.

The opacity takes {areas["opacity"]:.1f} % of a picture, and the rectangle around the marker {areas["marker"]:.1f} %.

{table(found)}

`python tools/xray_scores.py` measures this.
""",
        encoding="utf-8",
        newline="\n",
    )


if __name__ == "__main__":
    main()
