"""The command line as a person meets it: files, words, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from nets import BUNDLED, DIGITS, network, node
from PIL import Image

import onnxplain as ox
from onnxplain.cli import COMMANDS, main
from onnxplain.cli.options import read_target

FOREST = str(BUNDLED / "digits_forest_sklearn.onnx")
CNN = str(BUNDLED / "digits_cnn_torch.onnx")
WITH = [
    *("--preprocess", str(BUNDLED / "digits_cnn_torch.preprocess.json")),
    *("--labels", str(BUNDLED / "digits.labels.txt")),
]
BOX = ["explain", CNN, DIGITS[0], *WITH, "-m", "lrp.epsilon_gamma_box"]


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_explain_writes_a_picture_the_numbers_and_a_record(tmp_path):
    done = run("explain", CNN, DIGITS[3], *WITH, "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert "3, score" in done.stdout
    assert "preprocessing: resized to 16x16" in done.stderr
    stem = f"{DIGITS[3].stem}.lrp.epsilon_plus_flat"
    assert {each.name for each in tmp_path.iterdir()} == {f"{stem}.{end}" for end in ("png", "npz", "json")}
    with Image.open(tmp_path / f"{stem}.png") as drawn:
        assert drawn.width > 600
    with np.load(tmp_path / f"{stem}.npz") as arrays:
        assert arrays["attribution"].shape == (1, 1, 16, 16)
        assert arrays["relevance"].shape == (1, 16, 16)
        record = json.loads(str(arrays["record"]))
    assert record["model"]["sha256"] == json.loads((tmp_path / f"{stem}.json").read_text())["model"]["sha256"]
    assert record["input"]["preprocess"]["mean"] == [0.3053]
    assert record["versions"]["onnxruntime"] and record["engine"]["providers"]


def test_the_record_names_the_very_file_and_input(tmp_path):
    import hashlib

    done = run("explain", CNN, DIGITS[0], *WITH, "-o", tmp_path, "--json")
    (record,) = json.loads(done.stdout)
    assert record["model"]["sha256"] == hashlib.sha256((BUNDLED / "digits_cnn_torch.onnx").read_bytes()).hexdigest()
    with np.load(record["files"][1]) as arrays:
        assert record["input"]["sha256"] == hashlib.sha256(arrays["inputs"].tobytes()).hexdigest()


@pytest.mark.parametrize("method", ["deeplift", "occlusion"])
def test_what_is_printed_is_what_is_written_and_where(method, tmp_path):
    done = run("explain", CNN, DIGITS[0], *WITH, "-m", method, "-o", tmp_path, "--json")
    (record,) = json.loads(done.stdout)
    files = [str(tmp_path / f"{DIGITS[0].stem}.{method}.{end}") for end in ("png", "npz", "json")]
    assert record == json.loads((tmp_path / files[-1]).read_text()) | {"files": files}
    assert (record["delta"] is None) == (record["plan"] == []) == (method == "occlusion")


@pytest.mark.parametrize("command", ["explain", "compare", "inspect", "evaluate"])
def test_every_note_on_an_input_is_printed_once(command, tmp_path):
    with Image.open(DIGITS[0]) as picture:
        deep = np.asarray(picture.convert("L")).astype(np.uint16) * 16
    Image.fromarray(deep).save(tmp_path / "deep.png")
    others = {"explain": ["-o", tmp_path], "compare": ["-o", tmp_path / "grid.png"], "inspect": ["--book"]}
    given = [CNN, tmp_path / "deep.png", *WITH, "-m", "lrp.epsilon", *others.get(command, ())]
    given += ["-m", "lrp.gamma"] if command in ("compare", "inspect") else []
    done = run(command, *given)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("deep.png: 16 bits reduced to 8: its largest value is 4080") == 1
    assert done.stderr.count("preprocessing: resized to 16x16") == 1


def test_an_array_is_not_said_to_be_preprocessed(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 1, 16, 16), "f"))
    done = run("explain", CNN, tmp_path / "x.npy", *WITH, "-m", "gradient", "-o", tmp_path, "--json")
    assert "preprocessing: " not in done.stderr
    assert "x.npy: an array of float32 is taken as it is, without the preprocessing" in done.stderr
    assert json.loads(done.stdout)[0]["input"]["preprocess"] is None


def test_explain_many_inputs_with_parameters_and_a_target(tmp_path):
    done = run("explain", CNN, *DIGITS[:3], *WITH, "-m", "lrp.gamma", "--set", "gamma=0.5", "-t", "7", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("7, score") == 3
    record = json.loads(next(tmp_path.glob("*.json")).read_text())
    assert record["parameters"] == {"gamma": 0.5, "eps": 1e-6}
    assert "Gamma(gamma=0.5" in "".join(record["plan"])


def test_explain_a_table_draws_bars(tmp_path):
    names = ("--labels", BUNDLED / "wine.labels.txt", "--features", BUNDLED / "wine.features.txt")
    model, sample = BUNDLED / "wine_mlp_torch.onnx", BUNDLED / "wine_sample.npy"
    done = run("explain", model, sample, *names, "-m", "deeplift", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert "class_2" in done.stdout
    assert (tmp_path / "wine_sample.deeplift.png").exists()


def test_a_value_inside_the_network_is_a_target(tmp_path):
    done = run("explain", CNN, DIGITS[3], *WITH, "-m", "deconvnet", "-t", "/Relu_output_0:2:max", "-o", tmp_path)
    assert done.exit_code == 0, done.output
    assert "channel=2" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["explain", CNN, DIGITS[0], "-m", "lrp.epsilom", *WITH], 2, "did you mean 'lrp.epsilon"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "gamma=1"], 2, "has no parameter 'gamma'; it takes: eps"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "gamma"], 2, "expected name=value"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "eps=x"], 2, "eps='x': expected a number, 0 or more"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "eps=-1"], 2, "eps=-1: expected a number, 0 or more"),
        (["explain", CNN, DIGITS[0], *WITH, "-m", "lrp.gamma", "--set", "gamma=null"], 2, "gamma=None: expected"),
        ([*BOX, "--set", "low=a", "--set", "high=3"], 2, "low='a', high=3: expected a number, or one per channel"),
        (
            [*BOX, "--set", "low=3", "--set", "high=-1"],
            2,
            "low=3, high=-1: expected a number, or one per channel, low at",
        ),
        ([*BOX, "--set", "low=[1,2,3]", "--set", "high=3"], 2, "/stem/Conv', which takes rows of shape (1, 16, 16)"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "baseline=1"], 2, "itself takes it, as --baseline"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "layer=a"], 2, "itself takes it, as --layer"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "method=cam"], 2, "itself takes it, as --method"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "model=a"], 2, "itself takes it, as model"),
        (["explain", CNN, DIGITS[0], *WITH, "--set", "self=1"], 2, "nothing has a parameter 'self'"),
        (["explain", CNN, DIGITS[0], DIGITS[0].name, *WITH], 2, "written to the same files"),
        (["inspect", CNN, "-m", "gradient", "--set", "method=cam"], 2, "itself takes it, as --method"),
        (["export", CNN, "e.onnx", "--set", "with_preprocessing=1"], 2, "as --with-preprocessing"),
        (["export", CNN, "e.onnx", "--set", "path=1"], 2, "nothing has a parameter 'path'"),
        (["explain", CNN, DIGITS[0], *WITH, "-t", "eleven"], 2, "unknown label 'eleven'"),
        (["explain", CNN, DIGITS[0], *WITH, "-t", "--5"], 2, "unknown label '--5'"),
        (["explain", CNN, DIGITS[0], *WITH, "-t", "²"], 2, "unknown label '²'"),
        (["explain", CNN, DIGITS[0], *WITH, "-t", "/Relu_output_0:²"], 2, "unknown label"),
        (["explain", CNN, DIGITS[0], *WITH, "-t", "/Relu_output_0:0:1,,2"], 2, "unknown label"),
        (["explain", CNN, DIGITS[0], *WITH, "-t", "9" * 5000], 2, "unknown label"),
        (["explain", CNN, DIGITS[0], *WITH, "--device", "cuda"], 2, "pip install onnxplain[gpu]"),
        (["explain", CNN, DIGITS[0], *WITH, "--engine", "tpu"], 2, "engine 'tpu'"),
        (["explain", CNN, DIGITS[0], *WITH, "--input", "img"], 2, "no input 'img'; its inputs: 'image'"),
        (["explain", CNN, DIGITS[0]], 2, "nothing is guessed"),
        (["explain", FOREST, BUNDLED / "digits_samples.npy", "-m", "gradient"], 3, "TreeEnsembleClassifier"),
        (["explain", CNN, BUNDLED / "wine_sample.npy"], 4, "wine_sample.npy"),
        (["explain", CNN, "nowhere.png", *WITH], 4, "nowhere.png"),
        (["explain", "nowhere.onnx", DIGITS[0], *WITH], 4, "'nowhere.onnx' does not exist"),
        (["explain", BUNDLED / "README.md", DIGITS[0], *WITH], 4, "README.md"),
        (["explain", CNN, DIGITS[0], *WITH, "--seed", "lodgit"], 2, "unknown seed 'lodgit'; known: logit, one,"),
        (["explain", CNN, DIGITS[0], *WITH, "--fixed", "rate"], 2, "--fixed rate: expected name=value"),
        (["explain", CNN, DIGITS[0], *WITH, "--fixed", "rate=3"], 2, "rate"),
        (["export", CNN, "e.onnx", "--set", "layer=a"], 2, "layer= is an explainer's"),
        (["inspect", CNN, "--book"], 2, "--book needs an input"),
        (["inspect", CNN, DIGITS[0], *WITH, "--book", "-m", "deeplift"], 2, "'deeplift' keeps no relevance"),
        (["explain", CNN, DIGITS[0], *WITH, "--labels", BUNDLED / "wine.labels.txt"], 2, "3 names for 10 classes"),
        (["inspect", CNN, DIGITS[0]], 2, "SOURCE is read by --book alone; add --book"),
        (["inspect", CNN, "-t", "3"], 2, "--target is read by --book alone; add --book"),
        (["inspect", CNN, "--set", "eps=1"], 2, "--set is read by -m and --book alone"),
    ],
)
def test_what_is_wrong_is_said_once_and_nothing_is_written(arguments, code, said, tmp_path):
    out = ["-o", tmp_path] if arguments[0] == "explain" else []
    done = run(*arguments, *out)
    assert done.exit_code == code, done.output
    assert said in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_all_missing_operators_are_listed_at_once(tmp_path):
    nodes = [
        node("Gather", "x i", "g", axis=1),
        onnx.helper.make_node("Foo", ["g"], ["a"], name="first", domain="my.ops"),
        onnx.helper.make_node("Bar", ["a"], ["y"], name="second", domain="my.ops"),
    ]
    model = network(nodes, (1, 4), {"i": np.array([0, 1])})
    model.opset_import.append(onnx.helper.make_opsetid("my.ops", 1))
    onnx.save(model, tmp_path / "custom.onnx")
    np.save(tmp_path / "x.npy", np.zeros((1, 4), "f"))
    done = run("explain", tmp_path / "custom.onnx", tmp_path / "x.npy", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert "my.ops::Foo (node 'first')" in done.stderr and "my.ops::Bar (node 'second')" in done.stderr


def test_nan_in_an_input_names_the_file(tmp_path):
    x = np.zeros((1, 1, 16, 16), "f")
    x[0, 0, 3, 4] = np.nan
    np.save(tmp_path / "holes.npy", x)
    done = run("explain", CNN, tmp_path / "holes.npy", "-o", tmp_path / "out")
    assert done.exit_code == 4
    assert "holes.npy" in done.stderr and "NaN" in done.stderr


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("3", 3),
        ("-1", -1),
        ("a:b", "a:b"),
        ("conv:2", ox.Neuron("conv", 2)),
        ("a:b:2:max", ox.Neuron("a:b", 2, "max")),
        ("conv:2:7", ox.Neuron("conv", 2, (7,))),
        ("/a/b_0:2:3,4", ox.Neuron("/a/b_0", 2, (3, 4))),
        (None, None),
    ],
)
def test_targets_are_read_from_words(text, target):
    assert read_target(text) == target


def test_a_folder_is_explained_file_by_file(tmp_path):
    (tmp_path / "in").mkdir()
    for path in DIGITS[:2]:
        shutil.copy(path, tmp_path / "in")
    (tmp_path / "in" / "readme.md").write_text("text")
    done = run("explain", CNN, tmp_path / "in", *WITH, "-m", "gradient", "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "readme.md: passed over" in done.stderr
    assert {each.name for each in (tmp_path / "out").glob("*.png")} == {f"{p.stem}.gradient.png" for p in DIGITS[:2]}


def test_every_row_of_an_array_is_drawn_and_reported(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 1, 16, 16)).astype("f")
    np.save(tmp_path / "rows.npy", x)
    done = run("explain", CNN, tmp_path / "rows.npy", *WITH, "-m", "gradient", "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.output
    (record,) = json.loads(done.stdout)
    wanted = ox.explain(CNN, x, "gradient")
    assert record["labels"] == list(wanted.labels)
    np.testing.assert_allclose(record["score"], wanted.score, rtol=1e-5)
    names = [*(f"rows.gradient.row{i}.png" for i in range(3)), "rows.gradient.npz", "rows.gradient.json"]
    assert record["files"] == [str(tmp_path / "out" / name) for name in names]
    assert len({(tmp_path / "out" / name).read_bytes() for name in names[:3]}) == 3


def test_inputs_of_one_name_and_what_is_read_are_not_written_over(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(DIGITS[0], tmp_path / folder / "digit.png")
    done = run("explain", CNN, tmp_path / "a/digit.png", tmp_path / "b/digit.png", *WITH, "-o", tmp_path / "out")
    assert done.exit_code == 2 and "a/digit.png" in done.stderr and "b/digit.png" in done.stderr
    read = tmp_path / "a" / "digit.gradient.png"
    shutil.copy(DIGITS[1], read)
    done = run("explain", CNN, tmp_path / "a", *WITH, "-m", "gradient", "-o", tmp_path / "a")
    assert done.exit_code == 2 and f"over {read}, which is read" in done.stderr
    assert read.read_bytes() == DIGITS[1].read_bytes()
    assert len(list((tmp_path / "a").iterdir())) == 2 and not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["explain", "evaluate"])
def test_a_place_that_is_no_folder_is_named_before_anything_runs(command, tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        done = run(command, CNN, DIGITS[0], *WITH, "-o", out)
        assert done.exit_code == 2 and "file is a file" in done.stderr
        assert not done.stdout


@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_while_a_command_is_imported(number, code):
    """The signal comes from within the import of the command: a finder raises it there.

    The handlers are set first, since a process that a shell starts in the background ignores SIGINT otherwise.
    """
    text = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
from onnxplain.cli import main
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxplain.cli.inspect":
            os.kill(os.getpid(), signal.{number})
sys.meta_path.insert(0, Finder())
main(["inspect", "model.onnx"])
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    assert "stopped" in done.stderr and "Traceback" not in done.stderr


def limited(nbytes, *words):
    """Run a command in a process that may write no file of more bytes: what a full disk does, by the kernel itself."""
    text = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, ({nbytes}, {nbytes}))
from onnxplain.cli import main
main({list(map(str, words))!r})
"""
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=False)


def test_a_disk_that_is_full_leaves_no_half_of_a_file(tmp_path):
    done = limited(
        300, "explain", CNN, DIGITS[0], *WITH, "-m", "occlusion", "--engine", "numpy", "-o", tmp_path / "out"
    )
    assert done.returncode == 4 and "Traceback" not in done.stderr
    assert "File too large" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_standard_output_that_is_full_is_told(tmp_path):
    text = "from onnxplain.cli import main; main(['doctor'])"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", text], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 4 and done.stderr == "onnxplain: it cannot be written: No space left on device\n"


def test_every_command_is_listed():
    listed = [line.strip() for line in run("--help").stdout.partition("Commands:")[2].splitlines()]
    for name, said in COMMANDS.items():
        assert run(name, "--help").exit_code == 0
        assert f"{name:{max(map(len, COMMANDS))}}  {said}" in listed, "a line of help is cut off"
    assert run("explian").exit_code == 2


def test_the_list_of_commands_imports_none_of_them():
    code = "import sys, onnxplain.cli as c; c.main(['--help'], standalone_mode=False); sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0


def test_an_error_of_our_own_keeps_its_traceback_and_is_no_failed_gate(monkeypatch):
    monkeypatch.setattr("onnxplain.cli.doctor.diagnose", lambda: 1 / 0)
    done = run("doctor")
    assert done.exit_code == 70
    assert "ZeroDivisionError" in done.stderr and "Traceback" in done.stderr


def test_a_baseline_that_nothing_reads_is_told(tmp_path):
    given = (CNN, DIGITS[0], *WITH, "-o", tmp_path, "--baseline", "0.5")
    for unread in (("-m", "gradient"), ("-m", "smoothgrad", "--set", "samples=2"),
                   ("-m", "occlusion", "--baseline", "0")):  # fmt: skip
        said = run("explain", *given, *unread)
        assert said.exit_code == 0, said.output
        assert ("reads no baseline; the one that was given has no effect" in said.stderr) == (unread[1] != "occlusion")
    reads = run("explain", *given, "-m", "smoothgrad", "--set", "of=deeplift", "--set", "samples=2")
    assert reads.exit_code == 0 and "no effect" not in reads.stderr
    hides = run("explain", *given, "-m", "meaningful_perturbation", "--set", "value=baseline", "--set", "steps=1")
    assert hides.exit_code == 0 and "no effect" not in hides.stderr
    silent = run("explain", CNN, DIGITS[0], *WITH, "-o", tmp_path, "-m", "gradient")
    assert "no effect" not in silent.stderr
    told = run("export", CNN, tmp_path / "e.onnx", "-m", "gradient", "--baseline", "3")
    assert told.exit_code == 0 and "gradient reads no baseline" in told.stderr


def test_an_input_that_is_a_setting_is_fixed(tmp_path):
    """y = gain (w x): with the gain fixed, only x is fed, and the gradient is gain times the weights."""
    nodes = [node("MatMul", "x w", "h"), node("Mul", "h gain", "y")]
    weights = np.array([[1.0, 0], [0, 2], [3, 0]], "f")
    made = onnx.helper.make_tensor_value_info
    feeds = [made("x", onnx.TensorProto.FLOAT, ["N", 3]), made("gain", onnx.TensorProto.FLOAT, [1])]
    onnx.save(network(nodes, None, {"w": weights}, inputs=feeds), tmp_path / "gain.onnx")
    np.save(tmp_path / "x.npy", np.ones((1, 3), "f"))
    told = ("explain", tmp_path / "gain.onnx", tmp_path / "x.npy", "-m", "gradient", "-t", "0", "-o", tmp_path / "out")
    done = run(*told, "--input", "x", "--fixed", "gain=[4]")
    assert done.exit_code == 0, done.output
    with np.load(tmp_path / "out" / "x.gradient.npz") as found:
        np.testing.assert_array_equal(found["attribution"], 4 * weights[:, :1].T)


@pytest.mark.parametrize("option", ["--labels", "--features", "--vocabulary"])
def test_export_offers_no_names_which_a_file_cannot_hold(option, tmp_path):
    assert run("export", CNN, tmp_path / "e.onnx", option, "names.txt").exit_code == 2


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "onnxplain", "inspect"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Usage: onnxplain inspect" in done.stderr
