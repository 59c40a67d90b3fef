"""Explaining rows again: by an explainer that is made of the job alone, in the batch that each row was in."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from nets import digits

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.method.backward import table_lrp
from onnxplain.runs.again import explainer_of
from onnxplain.runs.folder import Folder

from .making import BAD, MODEL, arrays, pictures, small


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("lrp.epsilon_gamma_box", {"low": -1.0, "high": 2.2, "gamma": 0.5}),
        ("grad_cam", {}),
        ("smoothgrad", {"samples": 3, "random_seed": 4, "target": 3}),
        ("deeplift", {"baseline": 0.25, "smooth": 1.0}),
        ("gradient", {"seed": "logit", "target": ox.Neuron("logits", 2)}),
    ],
)
def test_an_explainer_made_of_the_job_is_that_of_the_job(tmp_path, method, options):
    r = small(arrays(tmp_path / "x.npy", 3), tmp_path / "out", method, store="attribution", **options)
    again = ox.Run(tmp_path / "out").open(MODEL)
    for row in r.rows():
        np.testing.assert_array_equal(again[row.index].attribution[0], row.attribution)


def test_a_row_is_explained_in_the_batch_that_it_was_in(tmp_path, monkeypatch):
    folder = pictures(tmp_path / "in")
    r, seen, call = small(folder, tmp_path / "out"), [], Explainer.__call__

    def seeing(self, batch, *given, **options):
        seen.append([each.rpartition("/")[2] for each in batch.names])
        return call(self, batch, *given, **options)

    monkeypatch.setattr(Explainer, "__call__", seeing)
    assert r[5].record["input"]["names"] == [str(folder / "005.png")]
    assert seen == [[f"00{i}.png" for i in (4, 5, 6) if i not in BAD]], "three rows from the fourth on"


def test_a_composite_and_an_array_have_to_be_given_again(tmp_path):
    x = arrays(tmp_path / "x.npy", 3)
    composite = ox.Composite(table_lrp(1e-3))
    r = small(x, tmp_path / "a", composite)
    with pytest.raises(UsageError, match="composite"):
        r[0]
    assert r.open(method=composite)[0].score[0] == r.row(0).score
    baseline = np.full((1, 16, 16), 0.5, "f")
    r = small(x, tmp_path / "b", "deeplift", baseline=baseline)
    with pytest.raises(BadInputError, match="give it, as baseline="):
        r[0]
    with pytest.raises(UsageError, match=r"another job"):
        r.open(baseline=baseline + 1)
    assert r.open(baseline=baseline)[0].score[0] == r.row(0).score


def test_a_job_states_the_threads_that_it_ran_on(tmp_path):
    small(arrays(tmp_path / "x.npy", 3), tmp_path / "out")
    asked = json.loads((tmp_path / "out" / "job.json").read_text())
    assert asked["engine"]["threads"] == 1
    explainer = explainer_of(Folder(tmp_path / "out").job(), digits())
    assert explainer.model.settings.threads == 1


def test_ray_is_an_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ox.errors.MissingExtraError, match=r"onnxplain\[ray\]"):
        small(arrays(tmp_path / "x.npy", 3), tmp_path / "out", ray="local")
