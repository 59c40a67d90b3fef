"""Pictures on the command line: ranges and frames, DICOM files, and folders of classes."""

import json
import shutil
import warnings

import numpy as np
import pytest
from click.testing import CliRunner
from nets import ROOT
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main

MODELS = ROOT / "models"
CNN, DIGITS = MODELS / "digits_cnn_torch.onnx", sorted((MODELS / "images").glob("digit_*.png"))
PREPROCESS, LABELS = MODELS / "digits_cnn_torch.preprocess.json", MODELS / "digits.labels.txt"
WITH = ("--preprocess", PREPROCESS, "--labels", LABELS)


def run(*arguments, code=0):
    done = CliRunner().invoke(main, [str(each) for each in arguments])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture
def classes(tmp_path):
    """A folder with a folder for each class; two pictures of one name, one of them in a wrong folder."""
    labels = LABELS.read_text().split()
    model = ox.load(CNN, preprocess=PREPROCESS, labels=labels)
    right, other = ox.explain(model, DIGITS[:2], "gradient").labels
    wrong = next(each for each in labels if each not in (right, other))
    for name, digit in ((right, DIGITS[0]), (wrong, DIGITS[1])):
        (tmp_path / "set" / name).mkdir(parents=True)
        shutil.copy(digit, tmp_path / "set" / name / "digit.png")
    (tmp_path / "set" / wrong / "notes.txt").write_text("text")
    return tmp_path / "set", right, wrong


def test_a_folder_of_classes(classes, tmp_path):
    folder, right, wrong = classes
    done = run("explain", CNN, folder, *WITH, "-m", "gradient", "-o", tmp_path / "out")
    for name in (right, wrong):
        assert {each.suffix for each in (tmp_path / "out" / name).glob("digit.gradient.*")} == {".png", ".npz", ".json"}
    assert f"{right}/digit: {right}, score" in done.stdout and f"in the folder {right}" not in done.stdout
    assert f"in the folder {wrong} -> " in done.stdout and "notes.txt: passed over" in done.stderr
    records = json.loads(run("explain", CNN, folder, *WITH, "-m", "gradient", "-o", tmp_path / "b", "--json").stdout)
    assert {each["folder"]: each["input"]["names"] for each in records} == {
        name: [str(folder / name / "digit.png")] for name in (right, wrong)
    }
    done = run("explain", CNN, folder, *WITH, "-m", "gradient", "-o", tmp_path / "c", "--by-folder", "--json")
    assert [each["labels"] for each in json.loads(done.stdout)] == [[each] for each in sorted((right, wrong))]


def test_a_class_of_a_folder_has_to_be_known(classes, tmp_path):
    folder, right, _ = classes
    (folder / right).rename(folder / "unknown")
    done = run("explain", CNN, folder, *WITH, "-o", tmp_path / "out", "--by-folder", code=2)
    assert "'unknown'" in done.stderr
    for arguments in ((folder / "unknown", "--by-folder"), (folder, "--by-folder", "-t", "3")):
        done = run("explain", CNN, *arguments, *WITH, "-o", tmp_path / "out", code=2)
        assert "--by-folder: expected folders of classes" in done.stderr


def test_folders_are_compared(classes, tmp_path):
    folder, right, wrong = classes
    done = run("compare", CNN, folder, *WITH, "-m", "gradient", "-o", tmp_path / "grid.png", "--json")
    names = [each["input"] for each in json.loads(done.stdout)["rows"]]
    assert names == [str(folder / name / "digit.png") for name in sorted((right, wrong))]
    assert "notes.txt: passed over" in done.stderr and (tmp_path / "grid.png").exists()


def test_bits_window_and_frame_change_the_preprocessing(tmp_path):
    deep = np.asarray(Image.open(DIGITS[0]).convert("L")).astype(np.uint16) * 4  # 10 bits of 16
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray(np.zeros((16, 16), np.uint16)).save(
        tmp_path / "two.tiff", save_all=True, append_images=[Image.fromarray(deep)]
    )
    stated = {**json.loads(PREPROCESS.read_text()), "window": [512, 1024]}
    wanted = ox.explain(ox.load(CNN, preprocess=stated), tmp_path / "deep.png", "gradient")

    def record(*arguments):
        done = run("explain", CNN, *arguments, *WITH, "-m", "gradient", "-o", tmp_path / "out", "--json")
        return json.loads(done.stdout)[0], done.stderr

    for name, *arguments in (
        ("deep.png", "--bits", "10"),
        ("deep.png", "--window", "512,1024"),
        ("two.tiff", "--bits", "10", "--frame", "1"),
    ):
        found, said = record(tmp_path / name, *arguments)
        with np.load(tmp_path / "out" / f"{name.split('.')[0]}.gradient.npz") as saved:
            assert np.allclose(saved["inputs"], wanted.inputs, atol=1e-6)
        assert "became 0..255 (bits=10)" in said or "window of centre 512 and width 1024" in said
    assert found["input"]["frames"] == [1]
    (tmp_path / "pre.json").write_text(json.dumps(stated | {"window": [3, 4]}))
    done = run("predict", CNN, tmp_path / "deep.png", "--preprocess", tmp_path / "pre.json", "--bits", "10", "--json")
    best = json.loads(done.stdout)[0]["top"][0]  # the option takes the place of the file's window
    assert best["score"] == pytest.approx(float(wanted.score[0]), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--window", "40"), "expected CENTRE,WIDTH, such as 40,400"),
        (("--window", "40,0"), "window 0.0: expected a number above 0"),
        (("--bits", "0"), "bits 0: expected a whole number from 1 to 32"),
        (("--bits", "12", "--window", "4,5"), "bits and window both state the range"),
        (("--frame", "-1"), "frame -1: expected a whole number, 0 or more"),
        (("--patient",), "--patient is for the files that --dicom writes"),
    ],
)
def test_what_no_picture_can_have_is_refused(arguments, said, tmp_path):
    assert said in run("explain", CNN, DIGITS[0], *WITH, "-o", tmp_path / "out", *arguments, code=2).stderr
    assert not (tmp_path / "out").exists()


def test_a_range_without_a_preprocessing_is_refused(tmp_path):
    done = run("explain", CNN, DIGITS[0], "--window", "40,400", "-o", tmp_path / "out", code=2)
    assert "--window is for pictures, and there is no --preprocess for them" in done.stderr


def test_scans_and_their_maps(tmp_path):
    """Files of a folder of scans, of which some have no ending, and whose maps go back to where they came from."""
    pydicom = pytest.importorskip("pydicom", reason="DICOM files are read by pydicom, of the extra dicom")
    source = pydicom.data.get_testdata_file("MR_small.dcm", download=False)
    (tmp_path / "scans").mkdir()
    for name in ("IM0001", "b.dcm"):
        shutil.copy(source, tmp_path / "scans" / name)
    shutil.copy(LABELS, tmp_path / "scans" / "README")
    done = run("explain", CNN, tmp_path / "scans", *WITH, "-m", "gradient", "-o", tmp_path / "out", "--dicom")
    assert "README: passed over" in done.stderr and "window of centre 600 and width 1600" in done.stderr
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = [pydicom.dcmread(tmp_path / "out" / f"{stem}.gradient.dcm") for stem in ("IM0001", "b")]
    assert [each.pixel_array.shape for each in made] == [(64, 64, 3)] * 2
    assert all(each.PatientID == "" for each in made)
    run(
        "explain",
        CNN,
        tmp_path / "scans/b.dcm",
        *WITH,
        "-m",
        "gradient",
        "-o",
        tmp_path / "out",
        "--dicom",
        "--patient",
    )
    assert pydicom.dcmread(tmp_path / "out" / "b.gradient.dcm").PatientID == pydicom.dcmread(source).PatientID
    done = run("explain", CNN, DIGITS[0], *WITH, "-o", tmp_path / "other", "--dicom", code=2)
    assert "none of the inputs is a DICOM file" in done.stderr


def test_frames_of_a_scan_are_rows(tmp_path):
    pydicom = pytest.importorskip("pydicom", reason="DICOM files are read by pydicom, of the extra dicom")
    source = pydicom.data.get_testdata_file("SC_rgb_rle_2frame.dcm", download=False)
    done = run("explain", CNN, source, *WITH, "-m", "gradient", "-o", tmp_path / "out", "--dicom")
    assert len(list((tmp_path / "out").glob("*.row?.png"))) == len(list((tmp_path / "out").glob("*.row?.dcm"))) == 2
    assert done.stdout.count("SC_rgb_rle_2frame.row") >= 2
    done = run("compare", CNN, source, *WITH, "-m", "gradient", "-o", tmp_path / "grid.png", "--json")
    assert [each["input"] for each in json.loads(done.stdout)["rows"]] == [f"{source}[0]", f"{source}[1]"]
    done = run("compare", CNN, source, *WITH, "-m", "gradient", "-o", tmp_path / "grid.png", "--json", "--frame", "1")
    assert [each["input"] for each in json.loads(done.stdout)["rows"]] == [source]
