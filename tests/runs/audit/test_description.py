"""The file that describes an audit: what it may say, and what is said of one that says something else."""

from inspect import signature

import pytest

import onnxplain as ox
from onnxplain.errors import BadInputError
from onnxplain.runs.audit.by_model import Judged
from onnxplain.runs.audit.by_row import Region
from onnxplain.runs.audit.description import read_description
from onnxplain.runs.audit.gate import Bound
from onnxplain.runs.audit.keys import MODEL

FAILED = "[gates.failed]\nat_most = 0\n"
HEAD = '[model]\nfile = "m.onnx"\n[data]\ninputs = "photos"\n'


def described(tmp_path, text):
    path = tmp_path / "audit.toml"
    path.write_text(text)
    return read_description(path)


def test_what_a_file_says(tmp_path):
    (tmp_path / "words.txt").write_text("cat\ndog\n")
    found = described(
        tmp_path,
        '[model]\nfile = "m.onnx"\nlabels = "words.txt"\npreprocess = "imagenet"\n'
        '[data]\ninputs = "photos"\ntruth = "folders"\n[explain]\nmethod = "gradient"\nbatch_size = 4\n'
        "[gates.failed]\nat_most = 0\n"
        '[gates."no border"]\nmeasure = "region"\nborder = 2\nat_most = 0.1\nat_least = 0.01\nover = "worst"\n'
        '[gates.random]\nmeasure = "model_randomisation"\nquantity = "ssim_all"\nrows = 3\nsteps = 2\nat_most = 0.5\n',
    )
    assert (found.model, found.inputs, found.truth) == (tmp_path / "m.onnx", tmp_path / "photos", "folders")
    assert found.load == {"labels": str(tmp_path / "words.txt"), "preprocess": "imagenet"}
    assert found.run == {"method": "gradient", "batch_size": 4}
    failed, border, random = found.gates
    assert failed.bound == Bound(at_most=0)
    assert (border.name, border.measure, border.over) == ("no border", Region(border=2), "worst")
    assert border.bound == Bound(0.01, 0.1)
    assert random.measure == Judged("model_randomisation", "ssim_all", 3, {"steps": 2})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "this is no TOML"),
        ('[model]\nfile = "m"\n[data]\ninputs = "d"\n', r"expected a table \[gates\]"),
        (HEAD + "[gates]\n", r"\[gates\] is empty"),
        (HEAD + "[gate]\n", r"unknown table \[gate\]; did you mean 'gates'"),
        ("[model]\n[data]\n[gates.failed]\nat_most = 0\n", r"\[model\] needs file = a path"),
        (HEAD + 'true = "folders"\n[gates.failed]\nat_most=0', r"unknown key 'true' in \[data\]"),
        (HEAD + "[gates.failed]\n", r"\[gates.failed\] no bound"),
        (HEAD + "[gates.x]\nat_most = 1\n", r"\[gates.x\] unknown measure 'x'; known: accuracy"),
        (HEAD + "[gates.region]\nat_most = 1\nbordr = 3\n", r"region has no option 'bordr'; there are: masks, box"),
        (HEAD + "[gates.region]\nat_most = 1\n", "expected one of masks, box and border"),
        (HEAD + "[gates.region]\nat_most = 1\nborder = 0\n", "border=0: expected a whole number, 1 or more"),
        (HEAD + "[gates.region]\nat_most = 1\nborder = 1\nshare = 'all'\n", "expected positive or absolute"),
        (HEAD + "[gates.pointing_game]\nat_least = 1\n", "pointing_game needs masks"),
        (HEAD + "[gates.failed]\nat_most = 0\nover = 'max'\n", "over = 'max': expected mean, median, worst"),
        (HEAD + "[gates.model_randomisation]\nat_most = 1\n", "quantity = None: model_randomisation finds spearman_"),
        (HEAD + "[gates.sensitivity]\nat_most = 1\nradius = 'x'\n", "radius='x': expected a number"),
        (HEAD + "[gates.agreement]\nat_most = 1\n", "agreement needs reference"),
        (HEAD + "[gates.agreement]\nat_most = 1\nreference='a'\nquantity='pearson'\n", "quantity = 'pearson'"),
        (HEAD + "[gates.accuracy]\nat_least = 1\n", r"\[gates.accuracy\] accuracy needs true labels"),
        (HEAD + "truth = 3\n" + FAILED, "truth = 3 in"),
        (HEAD + "[gates.x]\nmeasure = ['failed']\nat_most = 1\n", "expected the name of a measure"),
        (HEAD + "[gates.region]\nat_most = 1\nmasks = 3\n", "masks=3: expected a text"),
        (HEAD + "[gates.region]\nat_most = 1\nmasks = 'a.png'\n", "masks = 'a.png': expected a path with {stem}"),
        (HEAD + "[gates.region]\nat_most = 1\nbox = 'a'\n", "box='a': expected a list"),
        (HEAD + "[gates.agreement]\nat_most = 1\nreference = 2020-01-01\n", "expected a text"),
        (HEAD + FAILED + "[explain]\npath = 'x'\n", r"unknown key 'path' in \[explain\]: the command says where"),
        (HEAD + FAILED + "[explain]\nmethod = ['gradient']\n", r"method in .*: expected a text"),
        ("explain = 3\n" + HEAD + FAILED, r"expected a table \[explain\]"),
        (HEAD.replace("[data]", "label = 'x'\n[data]") + FAILED, r"'label' in \[model\]; did you mean 'labels'"),
        (HEAD.replace("[data]", "labels = 3\n[data]") + FAILED, r"labels in \[model\]=3: expected a text or a list"),
        (HEAD.replace("[data]", "threads = true\n[data]") + FAILED, "expected a whole number"),
        (HEAD + "[gates]\nfailed = 3\n", r"expected a table \[gates.failed\]"),
    ],
)  # fmt: skip
def test_what_a_file_must_not_say(tmp_path, text, said):
    with pytest.raises(BadInputError, match=said) as caught:
        described(tmp_path, text)
    assert str(tmp_path / "audit.toml") in str(caught.value)


def test_paths_are_relative_to_the_file_wherever_the_command_runs(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "words.txt").write_text("dog\ncat\n")
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = described(tmp_path, HEAD.replace("[data]", 'labels = "words.txt"\npreprocess = "tf"\n[data]') + FAILED)
    assert found.load == {"labels": str(tmp_path / "words.txt"), "preprocess": "tf"}


def test_all_options_of_load_are_known():
    assert set(MODEL) == set(signature(ox.load).parameters) - {"source"}


def test_what_is_no_text(tmp_path):
    (tmp_path / "audit.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInputError, match="this is no TOML"):
        read_description(tmp_path / "audit.toml")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadInputError, match=r"gone\.toml: cannot be read"):
        read_description(tmp_path / "gone.toml")
