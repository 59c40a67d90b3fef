"""WAV files become the waveforms that other libraries read, or are refused by name."""

from __future__ import annotations

import io

import numpy as np
import pytest
from nets import BUNDLED

import onnxplain as ox
from onnxplain.errors import BadInputError, NumericalError, UsageError
from onnxplain.inputs import Sound, read_input

soundfile = pytest.importorskip("soundfile", reason="soundfile, the other reader of WAV files, is not installed")
wavfile = pytest.importorskip("scipy.io.wavfile", reason="scipy, which reads some WAV files, is not installed")
RNG = np.random.default_rng(0)
STATED = Sound(8000)
PLAIN = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
FORMATS = [*(("WAV", kind) for kind in PLAIN), *(("WAVEX", kind) for kind in PLAIN)]


def wav(kind="PCM_16", *, form="WAV", rate=8000, channels=1, frames=500):
    """The bytes of a file, with the loudest numbers that it can hold at its start."""
    samples = RNG.uniform(-1, 1, (frames, channels))
    samples[:2] = np.array([[1.0], [-1.0]])[: len(samples)]
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=form, subtype=kind)
    return file.getvalue()


def theirs(data, dtype="float32"):
    """What libsndfile reads, [frames, channels]."""
    return soundfile.read(io.BytesIO(data), dtype=dtype, always_2d=True)[0]


def read(data, shape=("N", "T"), sound=STATED, dtype=np.float32):
    return read_input(data, None, shape, dtype, sound=sound)


@pytest.mark.parametrize(("form", "kind"), FORMATS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_are_those_of_libsndfile(form, kind, dtype):
    data = wav(kind, form=form)
    np.testing.assert_array_equal(read(data, dtype=dtype).array, theirs(data, np.dtype(dtype).name).T)
    several = wav(kind, form=form, channels=3)
    np.testing.assert_array_equal(read(several, ("N", 3, "T")).array[0], theirs(several).T)
    np.testing.assert_array_equal(read(several, ("N", "T", 3)).array[0], theirs(several))


@pytest.mark.parametrize("kind", ["PCM_16", "FLOAT"])
def test_chunks_before_the_format_are_passed_over(kind):
    """As recorders write them: notes of an odd length, which a byte fills up."""
    data = wav(kind)
    more = b"bext" + (7).to_bytes(4, "little") + b"a note\0\0"
    size = (len(data) - 8 + len(more)).to_bytes(4, "little")
    found = data[:4] + size + data[8:12] + more + data[12:]
    np.testing.assert_array_equal(read(found).array, theirs(data).T)


def test_whole_numbers_are_those_of_scipy():
    for kind in ("PCM_U8", "PCM_16", "PCM_32"):
        data = wav(kind)
        found = wavfile.read(io.BytesIO(data))[1]
        low, high = np.iinfo(found.dtype).min, np.iinfo(found.dtype).max
        middle = (low + high + 1) / 2
        np.testing.assert_array_equal(read(data, dtype=np.float64).array[0], (found - middle) / (high + 1 - middle))


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [(("N", "T"), (1, 500)), (("N", 500), (1, 500)), ((1, 1, "T"), (1, 1, 500)), (("N", 500, 1), (1, 500, 1))],
)
def test_a_mono_file_goes_into_each_shape_of_waveforms(shape, wanted, tmp_path):
    (tmp_path / "a.WAV").write_bytes(wav())
    with (tmp_path / "a.WAV").open("rb") as file:
        for source in (wav(), str(tmp_path / "a.WAV"), tmp_path / "a.WAV", file):
            assert read(source, shape).array.shape == wanted
    found = read([tmp_path / "a.WAV", str(tmp_path / "a.WAV")], shape)
    assert found.array.shape == (2, *wanted[1:]) and found.names == (str(tmp_path / "a.WAV"),) * 2
    assert found.hashes[0] and found.images == (None, None) and not found.preprocessed


def test_a_note_says_what_was_done():
    assert read(wav()).notes == ("input: 8000 samples a second, whole numbers of 16 bits scaled to [-1, 1)",)
    assert read(wav("FLOAT")).notes == ("input: 8000 samples a second, floats as they are",)
    (note,) = read(wav(channels=2, rate=16000), sound=Sound(8000, resample=True, channel="mean")).notes
    assert ", mean of 2 channels, resampled to 8000 by resample_poly of scipy " in note
    assert read(wav(channels=2), sound=Sound(8000, channel=1)).notes[0].endswith(", channel 1 of 2")


def test_channels_are_chosen_or_averaged():
    data = wav(channels=2)
    both = theirs(data)
    for channel in (0, 1):
        np.testing.assert_array_equal(read(data, sound=Sound(8000, channel=channel)).array[0], both[:, channel])
    found = read(data, ("N", 1, "T"), Sound(8000, channel="mean")).array[0, 0]
    np.testing.assert_allclose(found, both.mean(1), atol=1e-7)
    np.testing.assert_array_equal(read(wav(), sound=Sound(8000, channel="mean")).array.shape, (1, 500))


@pytest.mark.parametrize("rate", [16000, 44100])
def test_resampling_keeps_a_tone(rate):
    """A tone of 440 Hz is the tone of 440 Hz at the other rate, away from the ends."""
    file = io.BytesIO()
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate // 4) / rate), rate, "FLOAT", format="WAV")
    found = read(file.getvalue(), sound=Sound(8000, resample=True)).array[0]
    due = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2000) / 8000)
    assert found.shape in ((2000,), (2001,))
    np.testing.assert_allclose(found[100:1900], due[100:1900], atol=2e-3)
    with pytest.raises(BadInputError, match=f"has {rate} samples a second, and the model takes 8000.*resample=True"):
        read(file.getvalue())


def patched(data, at, value):
    return data[:at] + value + data[at + len(value) :]


BAD = {
    "cut short": (wav()[:-200], "cut short: its header states 500 samples, and there are 400"),
    "cut in its header": (wav()[:30], "ends before its samples"),
    "a chunk that ends behind the file": (
        wav()[:12] + b"junk" + (2**31 - 1).to_bytes(4, "little") + wav()[12:],
        "cannot read the WAV file .*does not fit",
    ),
    "floats cut short": (wav("FLOAT")[:-200], "cannot read the WAV file"),
    "doubles cut between samples": (wav("DOUBLE")[:-203], "cannot read the WAV file"),
    "extensible, cut short": (wav(form="WAVEX")[:-200], "cannot read the WAV file .*cut short"),
    "no samples": (wav(frames=0), "without samples"),
    "no samples of floats": (wav("FLOAT", frames=0), "without samples"),
    "mu-law": (wav("ULAW"), "MULAW.*expected a WAV file of whole numbers .PCM. or floats.*ffmpeg"),
    "A-law": (wav("ALAW"), "ALAW.*ffmpeg"),
    "compressed": (wav("MS_ADPCM"), "ADPCM.*ffmpeg"),
    "RF64": (wav(form="RF64"), "a file of the kind RF64"),
    "another rate": (wav(rate=16000), "has 16000 samples a second, and the model takes 8000: .*ffmpeg.*--resample"),
    "two channels": (wav(channels=2), "2 channels, and the model takes one; take one by channel=0"),
    "no channels": (patched(wav(), 22, b"\0\0"), "cannot read the WAV file"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_refused_by_name(case, tmp_path):
    data, said = BAD[case]
    (tmp_path / "bad.wav").write_bytes(data)
    with pytest.raises(BadInputError, match=rf"bad\.wav.*{said}"):
        read(tmp_path / "bad.wav")


def test_nan_and_other_files_are_refused(tmp_path):
    file = io.BytesIO()
    wavfile.write(file, 8000, np.array([0.0, np.nan, 0.5], "f"))
    with pytest.raises(NumericalError, match="input: 1 of 3 values: NaN or Inf"):
        read(file.getvalue())
    (tmp_path / "a.wav").write_bytes(b"fLaC" + bytes(40))
    with pytest.raises(BadInputError, match=r"a\.wav: no WAV file"):
        read(tmp_path / "a.wav")
    (tmp_path / "a.mp3").write_bytes(b"ID3")
    with pytest.raises(BadInputError, match=r"a\.mp3: of sounds, WAV files are read"):
        read(tmp_path / "a.mp3")
    with pytest.raises(BadInputError, match=r"no\.wav' does not exist"):
        read(tmp_path / "no.wav")


@pytest.mark.parametrize(
    ("shape", "dtype", "said"),
    [
        (("N", 400), np.float32, "500 samples for each channel, and the model takes 400.*trim 0 400s"),
        (("N", 1, 700), np.float32, "500 samples.*takes 700.*pad 0 200s"),
        (("N", 64, "T"), np.float32, "1 channels, and the input is .N, 64, T.: no axis.*spectrogram"),
        (("N", 2, "T"), np.float32, "no axis is fixed to so many"),
        (("N", "C", "T"), np.float32, "no axis is fixed to so many"),
        (("N", 1, 1), np.float32, "both axes may be that of the channels"),
        (("N", 1, 64, 101), np.float32, "takes no waveform.*spectrogram"),
        (("N", "T"), np.int64, "becomes floats.*takes int64"),
    ],
)
def test_an_input_that_takes_no_such_waveform_is_refused(shape, dtype, said):
    with pytest.raises(BadInputError, match=said):
        read(wav(), shape, dtype=dtype)


def test_nothing_is_guessed_of_the_rate():
    with pytest.raises(UsageError, match=r"input is a sound, and the model has no rate.*this file has 16000"):
        read(wav(rate=16000), sound=None)


def test_a_rate_of_a_model_of_pictures_is_refused():
    with pytest.raises(UsageError, match="rate= is for models of sounds, and preprocess= for those of pictures"):
        ox.load(BUNDLED / "digits_cnn_torch.onnx", preprocess=BUNDLED / "digits_cnn_torch.preprocess.json", rate=8000)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (0, "rate=0"),
        (True, "rate=True"),
        (8000.5, "rate=8000.5"),
        ("8000", "rate='8000'"),
        ({"resample": True}, "whose rate has to be stated"),
        ({"rate": 8000, "speed": 2}, "'speed'"),
        ({"rate": 8000, "channel": "left"}, "channel='left'"),
        ({"rate": 8000, "channel": -1}, "channel=-1"),
        ({"rate": 8000, "resample": 1}, "resample=1"),
    ],
)
def test_what_a_sound_cannot_be_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        Sound.of(given)
    assert Sound.of({"rate": 8000, "channel": 0}) == Sound(8000, channel=0)


def test_a_rate_of_a_crafted_file_takes_no_memory():
    data = patched(wav(), 24, (1).to_bytes(4, "little"))
    with pytest.raises(BadInputError, match="more than the limit"):
        read(data, sound=Sound(2**31, resample=True))
