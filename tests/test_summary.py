"""A model, a plan and an evaluation show themselves in a few lines."""

import re

import numpy as np
import onnx
import pytest
from nets import BUNDLED, DIGITS, digits, network, node

import onnxplain as ox


def test_a_model_is_ten_lines():
    lines = repr(digits()).splitlines()
    assert len(lines) == 10
    known = dict(re.split(r"  +", line, maxsplit=1) for line in lines)
    assert known["file"].endswith("digits_cnn_torch.onnx") and known["sha256"] == digits().sha256[:16]
    assert known["labels"].endswith("and 5 more") and "10 a row" in known["scores"] and "16x16" in known["preprocess"]
    bare = repr(ox.load(onnx.load(BUNDLED / "wine_mlp_torch.onnx")))
    assert "a proto in memory" in bare and "classes are numbers" in bare and len(bare.splitlines()) == 10


def test_it_says_what_a_model_takes():
    assert "\npreprocess  none: give arrays\n" in repr(ox.load(BUNDLED / "wine_mlp_torch.onnx"))
    sound = repr(ox.load(BUNDLED / "sounds_cnn_torch.onnx", rate=8000))
    assert "none: give WAV files of 8000 samples a second, or arrays" in sound
    reader = BUNDLED / "reviews.tokenizer.json"
    assert "none: give texts, or arrays" in repr(ox.load(BUNDLED / "reviews_transformer_torch.onnx", vocabulary=reader))


@pytest.mark.parametrize(("length", "between"), [(5, 0), (17, 0), (30, 14)])
def test_a_long_plan_shows_its_first_and_last_rows(length, between):
    model = network(
        [node("Relu", f"v{i}" if i else "x", f"v{i + 1}" if i + 1 < length else "y") for i in range(length)], (1, 3), {}
    )
    plan = ox.Explainer(ox.load(model), "gradient").plan
    lines, whole = repr(plan).splitlines(), str(plan).splitlines()
    assert len(whole) == length == plan._repr_html_().count("</tr>") - 1 + (between - 1 if between else 0)
    if not between:
        assert lines == whole
        return
    assert lines[:8] == whole[:8] and lines[-8:] == whole[-8:] and lines[8] == f"... {between} more ..."
    assert f"… {between} more …" in plan._repr_html_()


def test_an_evaluation_is_a_table_and_its_figure_shows():
    found = ox.evaluate(digits(), DIGITS[:2], ["gradient"], ["completeness"])
    assert repr(found) == str(found) and found._repr_html_().count("<tr>") == 3
    plt = pytest.importorskip("matplotlib.pyplot", reason="the extra plot is not installed")
    plt.switch_backend("Agg")
    figure = found.plot()
    assert figure.number in plt.get_fignums(), "pyplot.show() shows it"
    plt.close("all")


def test_lines_of_a_terminal_and_progress_bars_do_not_mix(monkeypatch, capsys):
    """While a bar is drawn, a line is written on a line of its own, and the bar is drawn again below it."""
    import io

    from tqdm import tqdm

    from onnxplain.cli.terminal import say_line

    both = io.StringIO()
    monkeypatch.setattr("sys.stderr", both)
    monkeypatch.setattr("sys.stdout", both)
    with tqdm(total=2, file=both, mininterval=0) as bar:
        bar.update(1)
        say_line("a result")
    written = both.getvalue()
    line = next(part for part in re.split(r"[\r\n]", written) if "a result" in part)
    assert line == "a result" and np.char.count(written, "50%") >= 2
