"""Strict JSON: a number that is not finite is null and named, in every record and every report."""

from __future__ import annotations

import json
import math

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, relu_cnn

import onnxplain as ox
from onnxplain.cli import COMMANDS, main
from onnxplain.errors import UsageError
from onnxplain.strict_json import MOST, dumps, strict

CNN = str(BUNDLED / "digits_cnn_torch.onnx")
WITH = ("--preprocess", str(BUNDLED / "digits_cnn_torch.preprocess.json"))


def read(text):
    """What a strict reader makes of a text; Python's own would take NaN."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_each_number_that_is_lost_is_named():
    value = {"a": [1, math.inf, [-math.inf]], "b": {"c": math.nan}, "d": "NaN", "e": (None, True)}
    want = {"a": [1, None, [None]], "b": {"c": None}, "d": "NaN", "e": [None, True]}
    assert read(dumps(value)) == want | {"not_finite": ["a[1]", "a[2][0]", "b.c"]}
    assert read(dumps([value, {"x": 1}])) == [read(dumps(value)), {"x": 1}]
    assert read(dumps([math.inf])) == [None]


def test_many_lost_numbers_are_counted():
    found = strict({"a": [math.nan] * (MOST + 3)})
    assert found["not_finite"] == [*(f"a[{i}]" for i in range(MOST)), "and 3 more"]
    assert strict(found) == found, "what is strict stays as it is"


def test_a_gap_that_is_not_finite_is_null_in_record_and_file(tmp_path):
    model, x = relu_cnn()
    e = ox.explain(ox.load(model), x, "lrp.epsilon")
    e.delta[1] = math.inf
    e.save(tmp_path / "e.json")
    for found in (e.to_dict(), read((tmp_path / "e.json").read_text())):
        assert found["delta"][1] is None and found["not_finite"] == ["delta[1]"]


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_a_seed_that_is_not_finite_is_refused(value):
    model, x = relu_cnn()
    with pytest.raises(UsageError, match="NaN or Inf is no weight"):
        ox.explain(ox.load(model), x[:1], "gradient", seed=np.array([0, value, 0, 1], "f"))


# a report says where its page is, and a service answers over HTTP
@pytest.mark.parametrize("command", [each for each in COMMANDS if each not in ("report", "serve")])
def test_every_report_is_strict(command, tmp_path):
    arguments = {
        "inspect": (CNN, "--verify"),
        "explain": (CNN, DIGITS[0], *WITH, "-m", "gradient", "-o", tmp_path),
        "evaluate": (CNN, DIGITS[0], *WITH, "-m", "gradient", "--measure", "completeness"),
        "compare": (CNN, DIGITS[0], *WITH, "-m", "gradient", "-o", tmp_path / "grid.png"),
        "export": (CNN, tmp_path / "e.onnx", *WITH, "-m", "gradient"),
        "predict": (CNN, DIGITS[0], *WITH),
        "visualise": (CNN, *WITH, "-t", "3", "--steps", 2, "-o", tmp_path / "3.png"),
        "replay": (tmp_path / "e.json",),
        "run": (CNN, DIGITS[0], *WITH, "-m", "gradient", "-o", tmp_path / "run"),
        "verify": (tmp_path / "run",),
        "clusters": (tmp_path / "run",),
        "diff": (tmp_path / "run", tmp_path / "run"),
        "audit": (BUNDLED / "xray_v1.audit.toml", "-o", tmp_path / "run", "--no-report"),
        "doctor": (),
    }
    if command == "clusters":
        pytest.importorskip("sklearn", reason="clusters are found by scikit-learn")
    if command in ("verify", "clusters", "diff"):
        ox.run(ox.load(CNN, preprocess=WITH[1]), DIGITS[0], tmp_path / "run", "gradient")
    if command == "replay":
        digit = ox.load(CNN, preprocess=WITH[1])
        ox.explain(digit, DIGITS[0], "gradient").save(tmp_path / "e.json")
    done = CliRunner().invoke(main, [command, *map(str, arguments[command]), "--json"])
    assert done.exit_code == 0, done.output
    read(done.stdout)
    if command == "export":
        said = {each.key: each.value for each in onnx.load(tmp_path / "e.onnx").metadata_props}
        read(said["onnxplain.parameters"])
