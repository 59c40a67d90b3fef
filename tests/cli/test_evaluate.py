"""onnxplain evaluate: tables and JSON on stdout, talk on stderr, gates as exit codes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS

from onnxplain.cli import main

CNN = BUNDLED / "digits_cnn_torch.onnx"
WITH = ("--preprocess", BUNDLED / "digits_cnn_torch.preprocess.json", "--labels", BUNDLED / "digits.labels.txt")


def run(*arguments):
    return CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_a_table_for_people_and_files_on_request(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    done = run(CNN, *DIGITS[:2], *WITH, "-m", "gradient", "-m", "deeplift", "--set", "steps=5", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0].startswith("pixel_flipping, 2 samples")
    assert [line.split()[0] for line in done.stdout.splitlines()[2:]] == ["gradient", "deeplift", "random"]
    assert "preprocessing: resized to 16x16" in done.stderr
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"evaluation.json", "pixel_flipping.png"}
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert len(found["results"][0]["curves"]["morf"][0]) == 6


def test_json_alone_goes_to_stdout():
    done = run(CNN, DIGITS[0], *WITH, "--measure", "completeness", "--measure", "sensitivity", "--json")
    found = json.loads(done.stdout)
    assert [(each["measure"], each["method"]) for each in found["results"]] == [
        (measure, method)
        for measure in ("completeness", "sensitivity")
        for method in ("lrp.epsilon_plus_flat", "random")
    ]
    assert found["random_seed"] == 0 and found["samples"] == [str(DIGITS[0])]


def test_a_folder_is_read_and_what_is_no_input_is_told(tmp_path):
    for path in DIGITS[:2]:
        shutil.copy(path, tmp_path)
    (tmp_path / "readme.md").write_text("text")
    done = run(CNN, tmp_path, *WITH, "--measure", "completeness")
    assert done.exit_code == 0, done.output
    assert "completeness, 2 samples" in done.stdout
    assert "readme.md: passed over" in done.stderr and "readme.md" not in done.stdout


@pytest.mark.parametrize(
    ("gates", "code", "said"),
    [
        (["--at-most", "relative_gap=1e-4"], 0, ""),
        (["--at-most", "deeplift:relative_gap=1e-4", "--at-least", "random:relative_gap=0.01"], 0, ""),
        (["--at-least", "relative_gap=0.5"], 1, "deeplift: relative_gap is "),
        (["--at-most", "random:gap=0"], 1, "random: gap is "),
    ],
)
def test_gates_are_exit_codes(gates, code, said):
    done = run(CNN, DIGITS[0], *WITH, "-m", "deeplift", "--measure", "completeness", *gates)
    assert done.exit_code == code, done.output
    assert said in done.stderr and ("gate failed" in done.stderr) == bool(said)
    assert "completeness" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--measure", "pixelflipping"], 2, "did you mean 'pixel_flipping'"),
        (["-m", "gradiant"], 2, "did you mean 'gradient'"),
        (["--set", "samples=3"], 2, "has an option 'samples'"),
        (["--at-least", "gap=1"], 2, "no quantity 'gap'; these measures find: aopc, aopc_lerf, abpc"),
        (["--at-least", "aopc=high"], 2, "such as aopc=0.5"),
        (["--at-most", "aopc"], 2, "such as aopc=0.5"),
        (["--at-least", "deeplift:aopc=1"], 2, "'deeplift' is not judged"),
        (["-t", "/Relu_output_0:2:max"], 2, "score of a class"),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(arguments, code, said, tmp_path):
    done = run(CNN, DIGITS[0], *WITH, *arguments, "-o", tmp_path / "out")
    assert done.exit_code == code, done.output
    assert said in done.stderr and "Traceback" not in done.stderr
    assert not done.stdout and not (tmp_path / "out").exists()


def test_a_model_that_cannot_be_walked_and_inputs_that_cannot_be_read_have_their_codes(tmp_path):
    forest = run(BUNDLED / "digits_forest_sklearn.onnx", BUNDLED / "digits_samples.npy", "-m", "gradient")
    assert forest.exit_code == 3 and "TreeEnsembleClassifier" in forest.stderr
    assert run(CNN, tmp_path, *WITH).exit_code == 4
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    broken = run(CNN, tmp_path, *WITH)
    assert broken.exit_code == 4 and "broken.png" in broken.stderr
    np.save(tmp_path / "x.npy", np.zeros((1, 3), "f"))
    (tmp_path / "broken.png").unlink()
    wrong = run(CNN, tmp_path)
    assert wrong.exit_code == 4 and "x.npy" in wrong.stderr


def test_a_gate_on_what_these_inputs_have_not_is_refused_before_anything_runs():
    words = ["--measure", "model_randomisation", "-m", "gradient", "--at-most", "ssim_all=1"]
    done = run(BUNDLED / "wine_mlp_torch.onnx", BUNDLED / "wine_sample.npy", *words)
    assert done.exit_code == 2 and not done.stdout
    assert "no quantity 'ssim_all'; these measures find: spearman_cascading" in done.stderr
    assert "ssim_all," not in done.stderr


def test_what_is_read_is_not_written_over(tmp_path):
    picture = tmp_path / "pixel_flipping.png"
    shutil.copy(DIGITS[0], picture)
    for source in (picture, tmp_path):
        done = run(CNN, source, *WITH, "-o", tmp_path)
        assert done.exit_code == 2 and "which is read" in done.stderr
    assert list(tmp_path.iterdir()) == [picture]


def test_one_slope_by_name_and_a_method_asked_for_twice():
    one = run(CNN, DIGITS[0], *WITH, "--measure", "infidelity", "--set", "slopes=gradient", "--set", "samples=2")
    assert one.exit_code == 0, one.output
    twice = run(CNN, DIGITS[0], *WITH, "-m", "gradient", "-m", "gradient")
    assert twice.exit_code == 2 and "two called 'gradient'" in twice.stderr
