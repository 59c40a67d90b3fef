"""DICOM files: every test file of pydicom is shown as pydicom's own functions show it, or is refused by name."""

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from onnxplain.errors import BadInputError, MissingExtraError
from onnxplain.inputs import Picture, Preprocess, dicom, dicom_pixels, read_input
from onnxplain.inputs.decode import decode_all
from onnxplain.inputs.facts import Facts
from onnxplain.limits import Limits

pydicom = pytest.importorskip("pydicom", reason="DICOM files are read by pydicom, of the extra dicom")
from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut  # noqa: E402
from pydicom.sequence import Sequence  # noqa: E402

FOLDER = Path(pydicom.data.__file__).parent / "test_files"
OTHER = (".py", ".txt", ".json", ".icc", ".dump", ".gz")
FILES = sorted(f for f in FOLDER.rglob("*") if f.is_file() and f.suffix not in OTHER and f.name[:6] != "README")
WINDOW = r"states no window, .* give window=\(centre, width\); window=\(.*\) shows them all"
REFUSED = {
    "CT_small.dcm": WINDOW,
    "ExplVR_BigEndNoMeta.dcm": "the letters DICM are missing at byte 128.*force=True",
    "ExplVR_LitEndNoMeta.dcm": "the letters DICM are missing at byte 128.*force=True",
    "JPEG-lossy.dcm": r"JPEG Extended.*cannot be decoded; pip install pylibjpeg-libjpeg",
    "JPEG2000-embedded-sequence-delimiter.dcm": r"a compressed frame of the size \(1024, \d+, 1\), .* \(1024, 256, 1\)",
    "JPEG2000.dcm": WINDOW,
    "JPGExtended.dcm": r"JPEG Extended.*cannot be decoded; pip install pylibjpeg-libjpeg",
    "MR_truncated.dcm": "cannot be decoded .*less than expected",
    "badVR.dcm": "states no size of its image",
    "meta_missing_tsyntax.dcm": "Photometric Interpretation is 'None'",
    "nested_priv_SQ.dcm": "Photometric Interpretation is 'None'",
    "no_meta.dcm": "the letters DICM are missing at byte 128.*force=True",
    "rtstruct.dcm": "the letters DICM are missing at byte 128.*force=True",
    **dict.fromkeys((f.name for f in FILES if f.name.startswith("rtdose")), WINDOW),
}
"""By the name of a file with pixels: why it is refused, and what helps. All others are read."""


def parsed(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path)


def by_pydicom(ds):
    """The frames as brightness, 0 to 255, by pydicom's functions alone; RGB is uint8."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frames = ds.pixel_array
        frames = frames if int(ds.get("NumberOfFrames") or 1) > 1 else frames[np.newaxis]
        if ds.PhotometricInterpretation == "PALETTE COLOR":
            return [np.rint(apply_color_lut(each, ds) / 257) for each in frames]
        if ds.SamplesPerPixel == 3:
            return [np.rint(each * (255 / (2.0**ds.BitsStored - 1))) for each in frames]
        lowest = -(2 ** (ds.BitsStored - 1)) if ds.PixelRepresentation else 0
        ends = apply_modality_lut(np.array([lowest, lowest + 2**ds.BitsStored - 1]), ds)
        if "WindowCenter" in ds:
            ends = apply_voi_lut(np.array([-1e9, 1e9]), ds)
        shown = [apply_voi_lut(apply_modality_lut(each, ds), ds) for each in frames]
        shown = [(each - ends[0]) * (255 / (ends[1] - ends[0])) for each in shown]
        return [255 - each for each in shown] if ds.PhotometricInterpretation == "MONOCHROME1" else shown


@pytest.mark.parametrize("path", FILES, ids=[str(f.relative_to(FOLDER)) for f in FILES])
def test_every_file_is_shown_as_pydicom_shows_it(path):
    try:
        found = decode_all(path)
    except BadInputError as problem:
        said = REFUSED.get(path.name, "a DICOM file without pixels .*; expected an image")
        with pytest.raises(BadInputError, match=rf"{path.name}: .*{said}"):
            raise problem from None
        return
    wanted = by_pydicom(parsed(path))
    assert len(found) == len(wanted) > 0
    for each, pixels in zip(found, wanted, strict=True):
        assert np.allclose(np.asarray(each.picture), pixels, atol=1e-3)
    assert [each.frame for each in found] == ([None] if len(found) == 1 else list(range(len(found))))


def grey(values, **elements):
    """A data set of an image, as a scanner would have made it."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    signed = values.dtype.kind == "i"
    frames = values.reshape(-1, *values.shape[-2:])
    facts = {
        "Rows": values.shape[-2],
        "Columns": values.shape[-1],
        "NumberOfFrames": len(frames),
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelRepresentation": int(signed),
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelData": values.astype("<i2").tobytes(),
    }
    for name, value in (facts | elements).items():
        setattr(ds, name, value)
    return ds


RAMP = (np.arange(64, dtype=np.uint16) * 65).reshape(8, 8)


def pixels(source, **facts):
    return np.asarray(decode_all(source, Facts(**facts))[0].picture)


def lut(entries, first, bits):
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries), first, bits])
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return Sequence([item])


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(2000, 1000), (40.5, 7), (100, 1), (-5, 3000)])
def test_a_window_given_is_that_window_in_the_file(function, centre, width):
    ds = grey(RAMP.astype(np.int16) - 2000, VOILUTFunction=function, RescaleSlope=1.5, RescaleIntercept=-100)
    given = pixels(ds, window=(centre, width))
    ds.WindowCenter, ds.WindowWidth = centre, width
    assert np.allclose(given, by_pydicom(ds)[0], atol=1e-3)
    assert np.array_equal(given, pixels(ds))


def test_look_up_tables():
    """Those of pydicom, where it has them; and one of 8 bits with more than 256 entries, by hand."""
    curve = np.rint(65535 * np.linspace(0, 1, 4096) ** 2)
    for first in (0, 500):
        ds = grey(RAMP, VOILUTSequence=lut(curve, first, 16), WindowCenter=3, WindowWidth=9)
        assert np.allclose(pixels(ds), apply_voi_lut(ds.pixel_array, ds) / 257, atol=1e-3)
    ds = grey(RAMP, ModalityLUTSequence=lut(curve, 0, 16), WindowCenter=30000, WindowWidth=40000)
    assert np.allclose(pixels(ds), by_pydicom(ds)[0], atol=1e-3)
    ds = grey(RAMP, VOILUTSequence=lut(np.arange(4096) >> 4, 0, 8))
    assert np.array_equal(pixels(ds), RAMP >> 4)
    ds.VOILUTSequence[0].LUTDescriptor = [9000, 0, 16]
    with pytest.raises(BadInputError, match="look-up table has 4096 entries of 16 bits, and states 9000"):
        decode_all(ds)


def test_what_was_applied_is_noted():
    ds = grey(RAMP, PhotometricInterpretation="MONOCHROME1", WindowCenter=[2000, 5], WindowWidth=[500, 6])
    ds.RescaleSlope, ds.RescaleIntercept = 2, -1
    assert decode_all(ds)[0].notes == (
        "rescaled to 2 x -1",
        "window of centre 2000 and width 500 (LINEAR), of the file, the first of 2",
        "inverted, since MONOCHROME1 shows its smallest value white",
    )
    assert "(LINEAR), given; all its values lie above the window" in decode_all(ds, Facts(window=(-500, 9)))[0].notes[1]


def test_frames_of_an_enhanced_image_have_their_own_rescaling_and_window():
    """Each frame has the values that it would have in a file of its own."""
    frames, singles = [], []
    values = np.stack([RAMP, RAMP // 2])
    for i, (slope, centre) in enumerate(((1.0, 500.0), (3.0, 2500.0))):
        group, change, window = Dataset(), Dataset(), Dataset()
        change.RescaleSlope, change.RescaleIntercept = slope, -10
        window.WindowCenter, window.WindowWidth = centre, 800
        group.PixelValueTransformationSequence = Sequence([change])
        if i:  # the first frame has the window that all share
            group.FrameVOILUTSequence = Sequence([window])
        else:
            shared = Dataset()
            shared.FrameVOILUTSequence = Sequence([window])
        frames.append(group)
        singles.append(grey(values[i], RescaleSlope=slope, RescaleIntercept=-10, WindowCenter=centre, WindowWidth=800))
    ds = grey(
        values, PerFrameFunctionalGroupsSequence=Sequence(frames), SharedFunctionalGroupsSequence=Sequence([shared])
    )
    file = io.BytesIO()
    pydicom.dcmwrite(file, ds, enforce_file_format=False, implicit_vr=False, little_endian=True)
    for source in (ds, b"\0" * 128 + b"DICM" + meta_of(ds) + file.getvalue()):
        for found, single in zip(decode_all(source), singles, strict=True):
            assert np.array_equal(np.asarray(found.picture), pixels(single))
        assert np.array_equal(pixels(source, frame=1), pixels(singles[1]))
        with pytest.raises(BadInputError, match="frame 2 of 2"):
            decode_all(source, Facts(frame=2))


def meta_of(ds):
    file = io.BytesIO()
    from pydicom.filewriter import write_file_meta_info

    write_file_meta_info(file, ds.file_meta, enforce_standard=False)
    return file.getvalue()


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"BitsStored": 16, "HighBit": 15}, "no window, and its values use 0 to 4095 of the 0 to 65535"),
        (
            {"WindowCenter": 5, "WindowWidth": 0},
            r"width 0 shows nothing by LINEAR; give window=\(centre, width\)",
        ),
        ({"VOILUTFunction": "CUBIC", "WindowCenter": 5, "WindowWidth": 9}, "VOI LUT Function is 'CUBIC'"),
        ({"RescaleSlope": 0, "RescaleIntercept": 5}, "rescales its values by 0 x"),
        ({"PhotometricInterpretation": "HSV"}, "Photometric Interpretation is 'HSV': expected MONOCHROME1"),
        ({"NumberOfFrames": -3}, "states -3 frames"),
        ({"file_meta": FileMetaDataset()}, "states no transfer syntax; set its file_meta.TransferSyntaxUID"),
    ],
)
def test_what_is_not_clear_is_refused(elements, said):
    ds = grey(RAMP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pydicom, of a value that its element must not have
        for name, value in elements.items():
            setattr(ds, name, value)
    with pytest.raises(BadInputError, match=said):
        decode_all(ds)


def test_bits_are_those_of_the_file_and_windows_are_for_grey():
    with pytest.raises(BadInputError, match=r"a DICOM file states its own bits, and bits=12 is stated: leave it out"):
        decode_all(grey(RAMP), Facts(bits=12))
    with pytest.raises(BadInputError, match=r"a picture in colours, and window=\(40, 400\) is stated: leave it out"):
        decode_all(FOLDER / "SC_rgb_rle.dcm", Facts(window=(40, 400)))


def test_a_whole_range_is_that_of_the_bits_stored():
    assert np.allclose(pixels(grey(RAMP)), RAMP * (255 / 4095), atol=1e-4)
    signed = grey(RAMP.astype(np.int16) - 2048)
    assert np.allclose(pixels(signed), RAMP * (255 / 4095), atol=1e-4)
    falling = grey(RAMP, RescaleSlope=-2, RescaleIntercept=100)  # the largest is meant to be the darkest
    assert np.allclose(pixels(falling), 255 - RAMP * (255 / 4095), atol=1e-4)
    assert not pixels(grey(RAMP * 0, BitsStored=16, HighBit=15)).any()  # one value alone hides nothing


def test_limits_hold_before_anything_is_decoded():
    with Limits(pixels=60).hold(), pytest.raises(BadInputError, match="8 x 8 pixels, more than the limit of 60"):
        decode_all(grey(RAMP))
    with Limits(array_bytes=1000).hold(), pytest.raises(BadInputError, match="4000 frames take 2048000 bytes, more"):
        decode_all(grey(RAMP, NumberOfFrames=4000))


def test_a_deflated_file_is_not_unpacked_beyond_the_limit():
    data = (FOLDER / "image_dfl.dcm").read_bytes()
    with Limits(file_bytes=250_000).hold(), pytest.raises(BadInputError, match=r"unpacks to 26\d+ bytes or more"):
        decode_all(data)
    with Limits(file_bytes=300_000).hold():
        assert decode_all(data)[0].picture.size == (512, 512)


def test_every_form_of_a_source_is_the_same_batch():
    path = FOLDER / "examples_ybr_color.dcm"
    data = path.read_bytes()
    raw = Preprocess.named("raw")
    with path.open("rb") as file:
        sources = (path, str(path), data, io.BytesIO(data), file, parsed(path), Picture(path))
        found = [read_input(source, raw, ("N", 3, 24, 32), np.float32) for source in sources]
    assert all(np.array_equal(each.array, found[0].array) for each in found)
    assert found[0].array.shape == (30, 3, 24, 32) and found[0].frames == tuple(range(30))
    assert found[0].names[3] == f"{path}[3]" and found[2].names[3] == "input[3]" and found[4].names[3] == f"{path}[3]"
    assert {len(set(each.hashes)) for each in found} == {1} and found[0].hashes[0] == found[3].hashes[0]
    one = read_input(Picture(path, frame=3), raw, ("N", 3, 24, 32), np.float32)
    assert np.array_equal(one.array[0], found[0].array[3]) and one.frames == (3,)


def test_grey_stays_float_until_the_model(monkeypatch):
    """A window of 12 bits is not rounded to 8 on its way into a model of floats."""
    fine = np.broadcast_to(np.arange(2000, 2008, dtype=np.uint16), (8, 8))
    unit = Preprocess(scale=1 / 255, colour="grey", window=(2048, 4096))
    found = read_input(grey(fine), unit, (1, 1, 8, 8), np.float32).array[0, 0, 0]
    assert np.allclose(found, np.arange(2000, 2008) / 4095, atol=1e-6) and len(set(found.tolist())) == 8


def test_without_pydicom_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'onnxplain\[dicom\]'"):
        decode_all(FOLDER / "MR_small.dcm")


def test_without_a_decoder_the_extra_is_named(monkeypatch):
    decoder = pydicom.pixels.get_decoder(pydicom.uid.JPEGLSLossless)
    monkeypatch.setattr(decoder, "_available", {})
    with pytest.raises(BadInputError, match=r"JPEG-LS Lossless.* cannot be decoded; pip install 'onnxplain\[dicom\]'"):
        decode_all(FOLDER / "MR_small_jpeg_ls_lossless.dcm")


def test_a_decoder_that_ends_its_process_ends_a_child(monkeypatch):
    """gdcm, which decodes lossless JPEG, does so at some broken files."""
    pytest.importorskip("gdcm", reason="lossless JPEG is decoded by gdcm, of the extra dicom")
    assert decode_all(FOLDER / "SC_rgb_jpeg_gdcm.dcm")[0].picture.size == (100, 100)
    monkeypatch.setattr(dicom_pixels, "_CHILD", "import os; os.abort()")
    with pytest.raises(BadInputError, match=r"cannot be decoded \(gdcm: the decoder ended its process\)"):
        decode_all(FOLDER / "SC_rgb_jpeg_gdcm.dcm")


@pytest.mark.parametrize(
    "name", ["MR_small_jp2klossless", "MR_small_jpeg_ls_lossless", "SC_rgb_jpeg_dcmtk", "SC_rgb_jpeg_gdcm", "693_J2KI"]
)
def test_the_size_in_compressed_data_is_that_of_the_file(name):
    """Else a decoder would take memory and time for whatever stands there."""
    ds = parsed(FOLDER / f"{name}.dcm")
    frame = bytearray(pydicom.encaps.get_frame(ds.PixelData, 0, number_of_frames=1))
    stated = ds.Rows, ds.Columns, ds.SamplesPerPixel
    assert dicom_pixels.stream_size(bytes(frame)) == stated
    wide = name in ("MR_small_jp2klossless", "693_J2KI")
    size = b"".join(each.to_bytes(4 if wide else 2, "big") for each in (stated[1::-1] if wide else stated[:2]))
    place = frame.index(size)
    frame[place : place + len(size)] = size[: len(size) // 2 - 2] + b"\xfd\xe8" + size[len(size) // 2 :]
    ds.PixelData = pydicom.encaps.encapsulate([bytes(frame)])
    with pytest.raises(BadInputError, match=r"a compressed frame of the size \(.*65000.*\), and the DICOM file states"):
        decode_all(ds)


def test_elements_of_the_patient_are_not_read():
    """What is read of a file, whatever it holds, is the image alone."""
    for path in FILES:
        data = path.read_bytes()
        if dicom.is_dicom(data):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tags = [each.tag for each in dicom._parsed(pydicom, data, path.name)]
            assert {tag.group for tag in tags} <= {0x0008, 0x0028, 0x5200, 0x7FE0}, path
            assert all(tag.group != 8 or tag in (0x00080005, 0x00080016) for tag in tags), path


def test_an_ending_does_not_make_a_dicom_file_nor_its_lack_hide_one(tmp_path):
    (tmp_path / "IM0001").write_bytes((FOLDER / "MR_small.dcm").read_bytes())
    assert decode_all(tmp_path / "IM0001")[0].picture.size == (64, 64)
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dcm")
    with pytest.raises(BadInputError, match=r"a\.dcm: no DICOM file, the letters DICM are missing"):
        decode_all(tmp_path / "a.dcm")
