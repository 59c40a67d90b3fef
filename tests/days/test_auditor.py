"""An auditor with two versions of a model: which of them has learnt the marker, from Python and by a gate."""

from __future__ import annotations

import json

import pytest
from nets import BUNDLED

import onnxplain as ox
from onnxplain.cli import main as command

SHOWN, MASKS = BUNDLED / "images" / "xray", BUNDLED / "masks" / "xray"
BOTH, MARKER = SHOWN / "opacity_marked.png", MASKS / "opacity_marked.marker.png"


def files(version):
    return BUNDLED / f"{version}.onnx", BUNDLED / f"{version}.preprocess.json", BUNDLED / "xray.labels.txt"


@pytest.mark.parametrize(("version", "times"), [("xray_v1", (0, 1)), ("xray_v2", (4, 1000))])
def test_three_lines_say_what_the_marker_counts(version, times):
    path, preprocess, labels = files(version)
    model = ox.load(path, preprocess=preprocess, labels=labels)
    e = ox.explain(model, BOTH)
    found = ox.region(e, (139, 6, 151, 21))
    share = float(found.absolute[0]) / float(found.area[0])
    assert times[0] <= share < times[1], f"{share:.2f} times the share of the area"


@pytest.mark.parametrize(("version", "code"), [("xray_v1", 0), ("xray_v2", 1)])
def test_a_gate_fails_for_the_version_that_has_learnt_the_marker(version, code, capsys):
    path, preprocess, labels = files(version)
    gate = ("--measure", "relevance_mass", "--masks", MARKER, "--at-most", "mass_inside=0.05", "--json")
    arguments = ["evaluate", path, BOTH, "--preprocess", preprocess, "--labels", labels, "-m", "grad_cam", *gate]
    try:
        command.main([str(each) for each in arguments], standalone_mode=False)
        ended = 0
    except SystemExit as end:
        ended = int(end.code or 0)
    assert ended == code
    assert json.loads(capsys.readouterr().out)
