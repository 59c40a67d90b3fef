"""Audits from end to end, and the figures of their gates against numbers that are found another way."""

import json
import shutil

import numpy as np
import onnxruntime as ort
import pytest
from nets import BUNDLED, DIGITS, digits
from PIL import Image

import onnxplain as ox
from onnxplain.errors import BadInputError, UsageError
from onnxplain.runs.audit.findings import findings_of
from onnxplain.runs.proof.statement import GATES_NAME, figures_of

XRAY, MASKS = BUNDLED / "images" / "xray", BUNDLED / "masks" / "xray"
LRP = "lrp.epsilon_plus_flat"


@pytest.fixture(scope="module")
def audits(tmp_path_factory):
    """The two bundled audits: of the version that looks at the opacity, and of the one that has learnt the marker."""
    folder = tmp_path_factory.mktemp("audits")
    return {v: ox.audit(BUNDLED / f"xray_v{v}.audit.toml", folder / f"v{v}") for v in (1, 2)}


def finding(audit, gate):
    return next(each for each in audit.findings if each.gate == gate)


def xray(version):
    files = {"preprocess": BUNDLED / f"xray_v{version}.preprocess.json", "labels": BUNDLED / "xray.labels.txt"}
    return ox.load(BUNDLED / f"xray_v{version}.onnx", **files)


def test_the_version_that_learnt_the_marker_is_found(audits):
    assert audits[1].passed
    assert [each.gate for each in audits[2].findings if not each.passed] == [
        "accuracy",
        "looks at the opacity",
        "does not look at the marker",
    ]


@pytest.mark.parametrize("version", [1, 2])
def test_accuracy_is_that_of_the_untouched_file(audits, version):
    session = ort.InferenceSession(BUNDLED / f"xray_v{version}.onnx", providers=["CPUExecutionProvider"])
    right = []
    for path in sorted(XRAY.glob("*.png")):
        x = (np.asarray(Image.open(path), np.float32) / 255 - 0.45) / 0.3
        found = session.run(None, {"radiograph": x[None, None]})[0].argmax()
        right.append(found == (1 if path.name.startswith("opacity") else 0))
    right.append(right[-1])  # the DICOM file holds the last picture
    assert finding(audits[version], "accuracy").figure == np.mean(right)


@pytest.mark.parametrize(
    ("gate", "mask"), [("looks at the opacity", "opacity"), ("does not look at the marker", "marker")]
)
def test_relevance_inside_masks_is_that_of_region(audits, gate, mask):
    model, shares = xray(2), {}
    for name in ("clear_marked.png", "opacity.png", "opacity_marked.png", "opacity_marked.dcm"):
        path = MASKS / f"{name[:-4]}.{mask}.png"
        if path.exists():
            where = np.asarray(Image.open(path).convert("L")) > 127
            shares[name] = ox.region(ox.explain(model, XRAY / name, LRP), where).positive[0]
    found = finding(audits[2], gate)
    expected = max(shares.values()) if found.over == "worst" else np.mean(list(shares.values()))
    assert (found.rows, found.left_out[:21]) == (len(shares), "2 rows without a mask")
    assert found.figure == pytest.approx(expected, rel=2e-3, abs=1e-6)
    assert "share of the positive relevance in" in found.unit


def test_measures_are_those_of_evaluate(audits):
    inputs = [XRAY / name for name in sorted(each.name for each in XRAY.iterdir())]
    found = ox.evaluate(xray(1), inputs, LRP, "model_randomisation")
    expected = found["model_randomisation", LRP].values["spearman_all"]
    assert finding(audits[1], "randomisation").figure == pytest.approx(expected.mean())


def test_the_statement_says_what_became_of_each_gate(audits):
    run = audits[2].run
    found = json.loads((run.path / GATES_NAME).read_text())
    assert found["predicate"]["result"] == "FAILED"
    assert found["predicate"]["failedTests"] == ["accuracy", "does not look at the marker", "looks at the opacity"]
    assert figures_of(found)["accuracy"]["figure"] == finding(audits[2], "accuracy").figure


def test_the_folder_of_an_audit_is_verified(audits):
    found = ox.verify(audits[2].run.path, replay=2)
    assert found, str(found)


def written(tmp_path, gates, explain='method = "gradient"', data="photos"):
    """An audit of digits, whose pictures lie in folders of their classes."""
    for path in DIGITS[:4]:
        folder = tmp_path / "photos" / path.name.split("_")[1]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
    model = f'[model]\nfile = "{BUNDLED / "digits_cnn_torch.onnx"}"\nlabels = "{BUNDLED / "digits.labels.txt"}"\n'
    model += f'preprocess = "{BUNDLED / "digits_cnn_torch.preprocess.json"}"\n'
    path = tmp_path / "audit.toml"
    path.write_text(f'{model}[data]\ninputs = "{data}"\ntruth = "folders"\n[explain]\n{explain}\n{gates}')
    return path


def test_a_reference_is_compared_with(tmp_path):
    other = BUNDLED / "digits_cnn_keras.onnx"
    gates = f'[gates.same]\nmeasure = "agreement"\nreference = "{BUNDLED / "digits_cnn_torch.onnx"}"\nat_least = 1\n'
    gates += f'[gates.other]\nmeasure = "agreement"\nreference = "{other}"\nquantity = "cosine"\nat_least = 0.99\n'
    found = ox.audit(written(tmp_path, gates), tmp_path / "out")
    assert finding(found, "same").figure == 1
    model, keras = digits(), digits("digits_cnn_keras")
    maps = [[ox.explain(each, path, "gradient").relevance.ravel() for path in DIGITS[:4]] for each in (model, keras)]
    cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(*maps, strict=True)]
    assert finding(found, "other").figure == pytest.approx(np.mean(cosines), abs=1e-4)


def test_folders_are_labels_and_a_bad_picture_is_counted(tmp_path):
    path = written(tmp_path, "[gates.accuracy]\nat_least = 1\n[gates.failed]\nat_most = 0.1\n")
    (tmp_path / "photos" / "7" / "bad.png").parent.mkdir()
    (tmp_path / "photos" / "7" / "bad.png").write_bytes(b"no picture")
    found = ox.audit(path, tmp_path / "out")
    assert finding(found, "accuracy").figure == 1
    assert (finding(found, "failed").figure, finding(found, "failed").worst) == (0.2, ("7/bad.png", 1.0))
    assert not found.passed


@pytest.mark.parametrize(
    ("gates", "explain", "said"),
    [
        ('[gates.region]\nmasks = "{stem}.png"\nat_most = 1\n', "", "has no row to measure: 4 rows without a mask"),
        ("[gates.completeness]\nat_most = 1\n", 'method = "saliency"', "4 rows by a method that shares no number out"),
        ("[gates.region]\nbox = [0, 0, 99, 99]\nat_most = 1\n", "", r"\[gates.region\] box \(0, 0, 99, 99\)"),
        ("[gates.region]\nborder = 8\nat_most = 1\n", "", r"\[gates.region\] border = 8: a map of 16 x 16 has no"),
    ],
)
def test_a_gate_that_cannot_be_measured_is_refused_by_name(tmp_path, gates, explain, said):
    with pytest.raises(UsageError, match=said):
        ox.audit(written(tmp_path, gates, explain), tmp_path / "out")


def test_a_label_that_is_no_class_is_named(tmp_path):
    path = written(tmp_path, "[gates.accuracy]\nat_least = 0\n")
    (tmp_path / "photos" / "3").rename(tmp_path / "photos" / "three")
    with pytest.raises(UsageError, match=r"the true label 'three' of three/digit_3_918.png is no class; known: 0, 1"):
        ox.audit(path, tmp_path / "out")


@pytest.mark.parametrize("gate", ["sensitivity", "completeness", "parity"])
def test_a_run_without_a_row_is_measured_by_nothing(tmp_path, gate):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.png").write_bytes(b"no picture")
    path = written(tmp_path, f"[gates.{gate}]\nat_most = 1\n", data="bad")
    with pytest.raises(BadInputError, match=r"no input could be explained, .*; x\.png: not a picture"):
        ox.audit(path, tmp_path / "out")


def test_options_of_the_run_alone_are_none_of_the_explainer(tmp_path):
    explain = 'method = "gradient"\nworkers = 1\nshard_size = 3\n'
    found = ox.audit(written(tmp_path, "[gates.parity]\nrows = 2\nat_most = 1e-4\n", explain), tmp_path / "out")
    assert found.passed and finding(found, "parity").rows == 2


def test_a_baseline_is_read_from_its_file_again(tmp_path):
    np.save(tmp_path / "black.npy", np.zeros((1, 16, 16), "f"))
    gates = "[gates.parity]\nrows = 2\nat_most = 1e-4\n[gates.completeness]\nat_most = 1e-3\n"
    assert ox.audit(written(tmp_path, gates, 'method = "deeplift"\nbaseline = "black.npy"'), tmp_path / "out").passed


def test_measures_of_another_seed_are_refused(tmp_path):
    gates, explain = "[gates.sensitivity]\nat_most = 9\n", 'method = "gradient"\nseed = "probability"'
    with pytest.raises(UsageError, match="explain with the seed 'one' of the method, and the run has 'probability'"):
        ox.audit(written(tmp_path, gates, explain), tmp_path / "out")


@pytest.mark.parametrize(
    ("was", "now"), [('"at_most":0.05', '"at_most":0.5'), ('"passed":false', '"passed":true'), ("FAILED", "PASSED")]
)
def test_figures_that_were_changed_are_not_read(audits, tmp_path, was, now):
    shutil.copytree(audits[2].run.path, tmp_path / "out")
    statement = tmp_path / "out" / GATES_NAME
    assert len(findings_of(ox.Run(tmp_path / "out"))) == 8
    statement.write_text(statement.read_text().replace(was, now))
    with pytest.raises(BadInputError, match=r"statement\.gates\.json: it was changed since the audit wrote it"):
        findings_of(ox.Run(tmp_path / "out"))


def test_a_signed_audit_is_verified_by_its_key(tmp_path):
    keys = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519", reason="signing needs cryptography")
    from cryptography.hazmat.primitives import serialization as form

    key = keys.Ed25519PrivateKey.generate()
    plain = form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(*plain))
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "pub.pem").write_bytes(public)
    path = written(tmp_path, "[gates.accuracy]\nat_least = 1\n")
    found = ox.audit(path, tmp_path / "out", sign=tmp_path / "key.pem")
    assert ox.verify(found.run.path, key=tmp_path / "pub.pem")
    gates = found.run.path / GATES_NAME
    gates.write_text(gates.read_text().replace("PASSED", "FAILED"))
    assert GATES_NAME in str(ox.verify(found.run.path, key=tmp_path / "pub.pem").findings[0].where)
    path.write_text(path.read_text().replace("at_least = 1", "at_least = 0.1"))
    with pytest.raises(UsageError, match=r"statement\.gates\.dsse\.json signs other results than these; sign anew"):
        ox.audit(path, tmp_path / "out")
    again = ox.audit(path, tmp_path / "out", sign=tmp_path / "key.pem")
    verified = ox.verify(again.run.path, key=tmp_path / "pub.pem")
    assert verified.checked["gates"] == "as statement.gates.json says, 1 passed, 0 failed"
