"""Maps as DICOM files: they lie on their source, refer to it, and keep the patient out unless told otherwise."""

import io
import json
import shutil
import subprocess
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from nets import ROOT
from PIL import Image

import onnxplain as ox
from onnxplain.cli import main
from onnxplain.errors import BadInputError, UsageError

pydicom = pytest.importorskip("pydicom", reason="DICOM files are written by pydicom, of the extra dicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402

MODELS = ROOT / "models"
MODEL, METHOD = MODELS / "digits_cnn_torch.onnx", "lrp.epsilon_plus_flat"
FOLDER = Path(pydicom.data.__file__).parent / "test_files"
PREPROCESS = {**json.loads((MODELS / "digits_cnn_torch.preprocess.json").read_text()), "crop": 16}
# of the patient, of those who treat them, and of the visit: what must not be in any output
SECRET = {
    "PatientName": "Quxworth^Zebulon^J", "PatientID": "PID-77310", "PatientBirthDate": "19310412", "PatientSex": "M",
    "PatientAge": "093Y", "PatientWeight": "77.1253817", "PatientSize": "1.81254793", "PatientAddress": "Elm Road 4711",
    "PatientTelephoneNumbers": "+49-30-5550199", "OtherPatientIDs": "OID-55221",
    "PatientMotherBirthName": "Vandersloot", "MedicalAlerts": "Penicillin-Xy", "EthnicGroup": "Zorblaxian",
    "Occupation": "Lamplighter", "PatientComments": "Limps on the left", "IssuerOfPatientID": "St Elsewhere",
    "MilitaryRank": "Corporal-X", "PatientBirthTime": "034411.917263", "ReferringPhysicianName": "Grumbledore^Al",
    "AccessionNumber": "ACC-90812", "StudyID": "STU-4471", "InstitutionName": "Hospital Nowhere",
    "StudyDate": "20190417", "StudyTime": "081533.662719", "StudyDescription": "Thorax-Qz", "OperatorsName": "Snod^Bo",
    "PerformingPhysicianName": "Wimbleton^Cy", "StationName": "SCANNER-XQ7",
}  # fmt: skip
GEOMETRY = {
    "PixelSpacing": [0.5, 0.25], "ImagePositionPatient": [1.0, -2.5, 3.0],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "FrameOfReferenceUID": "1.2.3.4.9", "PositionReferenceIndicator": "",
    "SliceThickness": "2.5", "BodyPartExamined": "CHEST",
}  # fmt: skip


def scan(**elements):
    """A CT slice of 40 x 30 pixels with everything that a hospital writes, as a data set."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = pydicom.uid.CTImageStorage, "1.2.3.4.5"
    ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.InstanceNumber = "1.2.3.4.6", "1.2.3.4.7", "17"
    values = np.random.default_rng(0).integers(0, 4096, (40, 30)).astype("<u2")
    facts = {
        "Rows": 40,
        "Columns": 30,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelRepresentation": 0,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelData": values.tobytes(),
        "WindowCenter": 2048,
        "WindowWidth": 4096,
        "Modality": "CT",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in (facts | GEOMETRY | SECRET | elements).items():
            setattr(ds, name, value)
    ds.private_block(0x0099, "ONNXPLAIN TEST", create=True).add_new(1, "LO", "Private-Quibble")
    return ds


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = tmp_path_factory.mktemp("scan") / "slice.dcm"
    scan().save_as(found, enforce_file_format=True)
    return found


@pytest.fixture(scope="module")
def explained(path):
    return ox.explain(ox.load(MODEL, preprocess=PREPROCESS), path, METHOD)


def written(e, **options):
    """The file that is written, read without a warning."""
    file = io.BytesIO()
    e.save(file, format="dcm", **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = pydicom.dcmread(io.BytesIO(file.getvalue()))
        str(ds), ds.pixel_array  # every element is converted
    return ds


def test_what_decoded_the_pixels_is_in_the_record(path, explained, tmp_path):
    assert explained.record["versions"]["pydicom"] == pydicom.__version__
    Image.new("L", (30, 40), 90).save(tmp_path / "a.png")
    flat = ox.explain(ox.load(MODEL, preprocess=PREPROCESS), tmp_path / "a.png", METHOD)
    assert "pydicom" not in flat.record["versions"]


def test_the_map_lies_on_its_source(explained):
    ds = written(explained)
    assert ds.pixel_array.shape == (40, 30, 3) == (*explained.at_original().shape, 3)
    saved = {name: ds[name].value for name in GEOMETRY}
    source = scan()
    assert saved == {name: source[name].value for name in GEOMETRY}
    # what the model never saw, beside the crop, has another colour than in a plain picture; the rest is the picture
    bare = written(explained, alpha=0.0, contours=False)
    inside = ~np.isnan(explained.at_original())
    assert np.array_equal(bare.pixel_array[inside][:, 0], explained.originals[0].picture[inside])
    assert (ds.pixel_array[inside] != bare.pixel_array[inside]).any()


def test_it_says_of_what_and_how_it_was_made(explained):
    ds = written(explained)
    assert ds.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7" and ds.SOPInstanceUID != written(explained).SOPInstanceUID
    assert METHOD in ds.DerivationDescription and explained.record["model"]["sha256"] in ds.DerivationDescription
    assert f"class {explained.labels[0]}, score {float(explained.score[0]):.6g}" in ds.ImageComments
    (image,) = ds.SourceImageSequence
    assert (image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID) == (pydicom.uid.CTImageStorage, "1.2.3.4.5")
    (study,) = ds.StudiesContainingOtherReferencedInstancesSequence
    assert study.StudyInstanceUID == "1.2.3.4.7" != ds.StudyInstanceUID
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.4.6" != ds.SeriesInstanceUID
    again = written(explained)
    assert (again.StudyInstanceUID, again.SeriesInstanceUID) == (ds.StudyInstanceUID, ds.SeriesInstanceUID)


def values_of(ds):
    """Every value below a data set, as text, with its tag."""
    for element in ds.iterall():
        if element.VR != "SQ":
            yield element.tag, str(element.value)


def test_nothing_of_the_patient_is_in_any_output(path, explained, tmp_path, monkeypatch):
    """Neither in a file, unpacked, nor in what is printed, nor in what an explanation holds, as when it is pickled."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pre.json").write_text(json.dumps(PREPROCESS))
    said = []
    for command, out in (("explain", "out"), ("compare", "grid.png")):
        methods = ("-m", METHOD) if command == "explain" else ("-m", METHOD, "-m", "gradient")
        for json_ in ((), ("--json",)):
            done = CliRunner().invoke(
                main, [command, str(MODEL), str(path), *methods, "--preprocess", "pre.json", "-v", *json_, "-o", out]
            )
            assert done.exit_code == 0, done.output
            said.append(done.output)
    for ending in ("png", "npz", "json", "dcm"):
        explained.save(tmp_path / f"map.{ending}")
    said.append(explained._repr_html_() + repr(explained) + str(explained.to_dict()))
    import pickle

    held = [pickle.dumps(explained), *(text.encode() for text in said)]
    for file in tmp_path.rglob("*.*"):
        held.append(file.read_bytes())
        if file.suffix == ".png":
            with Image.open(file) as image:
                assert file.stem != "map" or METHOD in image.text["onnxplain"]
                held.append(str(image.text).encode())
        if file.suffix == ".npz":
            with zipfile.ZipFile(file) as archive:
                held += [archive.read(name) for name in archive.namelist()]
    # short values are in any long text by chance; their elements are looked for below
    secrets = [*(value for value in SECRET.values() if len(value) > 5), "Private-Quibble", "Quxworth"]
    assert len(held) > 10
    for value in secrets:
        assert not any(value.encode() in each or value.encode("utf-32-le") in each for each in held), value
    ds = pydicom.dcmread(tmp_path / "map.dcm")
    assert all(value == "" for tag, value in values_of(ds) if tag.group == 0x0010)
    names = {name for name in SECRET if name in ds}
    assert names == {"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
                     "ReferringPhysicianName", "AccessionNumber"}  # fmt: skip
    assert not any(ds[name].value for name in names)


def test_patient_and_study_are_copied_where_that_is_asked_for(explained):
    ds = written(explained, patient=True)
    filed = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "IssuerOfPatientID", "StudyDate",
             "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName", "StudyDescription")  # fmt: skip
    assert {name: str(ds[name].value) for name in filed} == {name: SECRET[name] for name in filed}
    assert ds.StudyInstanceUID == "1.2.3.4.7" and ds.SeriesInstanceUID != "1.2.3.4.6"
    assert ds.ReferencedSeriesSequence[0].SeriesInstanceUID == "1.2.3.4.6"
    others = set(SECRET) - set(filed)
    assert not any(name in ds for name in others)


def test_names_in_other_alphabets_are_copied_as_they_read(explained):
    ds = scan(SpecificCharacterSet="ISO_IR 144", PatientName="Люкceмбypг")
    assert written(explained, patient=True, source=ds).PatientName == "Люкceмбypг"


@pytest.mark.parametrize(("burned", "removed"), [("YES", None), ("NO", "YES"), (None, None)])
def test_what_is_burned_into_the_source_is_below_the_map_too(explained, burned, removed):
    ds = scan(**({} if burned is None else {"BurnedInAnnotation": burned}), LossyImageCompression="01")
    made = written(explained, source=ds)
    assert (made.get("BurnedInAnnotation"), made.get("PatientIdentityRemoved")) == (burned, removed)
    assert made.LossyImageCompression == "01"


def test_it_has_the_size_of_its_source_and_no_words(explained, tmp_path):
    for choice in ({"size": 400}, {"kind": "bars"}):
        with pytest.raises(UsageError, match=f"{next(iter(choice))}: without effect on a map in a DICOM file"):
            explained.save(tmp_path / "a.dcm", **choice)


def test_a_frame_is_named_and_has_its_own_place():
    model = ox.load(MODEL, preprocess=PREPROCESS)
    e = ox.explain(model, FOLDER / "examples_ybr_color.dcm", "gradient")
    assert len(e) == 30 and e.record["input"]["frames"] == list(range(30))
    for made in (written(e, row=3), written(e[3])):
        assert made.SourceImageSequence[0].ReferencedFrameNumber == 4 and made.InstanceNumber == 4
    place = scan(NumberOfFrames=30, Rows=240, Columns=320)
    group, plane = Dataset(), Dataset()
    plane.ImagePositionPatient = [7, 8, 9]
    group.PlanePositionSequence = [plane]
    place.PerFrameFunctionalGroupsSequence = [Dataset(), Dataset(), Dataset(), group]
    assert list(written(e, row=3, source=place).ImagePositionPatient) == [7, 8, 9]
    assert list(written(e, row=2, source=place).ImagePositionPatient) == GEOMETRY["ImagePositionPatient"]


def test_a_standard_checker_finds_no_error(explained, tmp_path):
    """dciodvfy, of dicom3tools, compares each element with the definition of its IOD."""
    checker = shutil.which("dciodvfy")
    if checker is None:
        pytest.skip("dciodvfy of dicom3tools is not installed")
    model = ox.load(MODEL, preprocess=PREPROCESS)
    sources = [FOLDER / name for name in ("693_J2KI.dcm", "MR_small.dcm", "examples_rgb_color.dcm")]
    for e in (explained, *(ox.explain(model, each, "gradient") for each in sources)):
        for patient in (False, True):
            e.save(tmp_path / "map.dcm", patient=patient)
            said = subprocess.run([checker, "-new", tmp_path / "map.dcm"], capture_output=True, text=True, check=False)
            assert "SCImage" in said.stderr and "Error" not in said.stderr, (e.record["input"]["names"], said.stderr)


def test_every_form_of_the_source_is_taken(path, explained):
    """An explanation of bytes or of a Dataset knows no path, so the source is given."""
    model, data = ox.load(MODEL, preprocess=PREPROCESS), path.read_bytes()
    e = ox.explain(model, data, METHOD)
    wanted = written(explained).pixel_array
    for source in (path, str(path), data, io.BytesIO(data), scan()):
        assert np.array_equal(written(e, source=source).pixel_array, wanted)
    with pytest.raises(UsageError, match=r"input is no path of a DICOM file: pass it as source="):
        written(e)


def test_what_has_no_source_is_refused(path, explained, tmp_path):
    model = ox.load(MODEL, preprocess=PREPROCESS)
    Image.new("L", (30, 40), 90).save(tmp_path / "a.png")
    flat = ox.explain(model, tmp_path / "a.png", METHOD)
    with pytest.raises(UsageError, match=r"a\.png is no DICOM file, from which .*: pass one as source="):
        written(flat)
    assert written(flat, source=path).Rows == 40  # the same picture, as another file
    with pytest.raises(
        UsageError, match=r"source has \(40, 31\) pixels, and the picture that was explained \(40, 30\)"
    ):
        written(explained, source=scan(Columns=31))
    copy = tmp_path / "copy.dcm"
    copy.write_bytes(path.read_bytes())
    e = ox.explain(model, copy, METHOD)
    scan(WindowCenter=5).save_as(copy, enforce_file_format=True)
    with pytest.raises(BadInputError, match="no longer the file that was explained: its sha256 is another one"):
        written(e)
    with pytest.raises(BadInputError, match="states no SeriesInstanceUID, by which a map of it would refer to it"):
        written(explained, source=scan(SeriesInstanceUID=""))
    with pytest.raises(UsageError, match=r"patient: for a DICOM file alone, and this is \.png"):
        explained.save(tmp_path / "map.png", patient=True)
    with pytest.raises(UsageError, match="would be written over"):
        explained.save(path)
    table = ox.explain(ox.load(MODELS / "wine_mlp_torch.onnx"), MODELS / "wine_sample.npy", "gradient")
    with pytest.raises(UsageError, match="a DICOM file holds a map over a picture"):
        written(table)
