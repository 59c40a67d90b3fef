"""The file that describes an audit: what it may say, and what is said of one that says something else."""

import pytest

from onnxplain.errors import BadInputError
from onnxplain.runs.audit.by_model import Judged
from onnxplain.runs.audit.by_row import Region
from onnxplain.runs.audit.description import read_description
from onnxplain.runs.audit.gate import Bound

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
        (HEAD + "[gates]\nfailed = 3\n", r"expected a table \[gates.failed\]"),
    ],
)  # fmt: skip
def test_what_a_file_must_not_say(tmp_path, text, said):
    with pytest.raises(BadInputError, match=said) as caught:
        described(tmp_path, text)
    assert str(tmp_path / "audit.toml") in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadInputError, match=r"gone\.toml: cannot be read"):
        read_description(tmp_path / "gone.toml")
