"""Samples: files of a folder, for every model or for one, of the kinds that it takes."""

import pytest
from serve.pages import XRAY, client

from onnxplain.errors import UsageError
from onnxplain.serve.refusal import Refusal
from onnxplain.serve.samples import Samples


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wine").mkdir()
    for path, data in (
        ("a.png", (XRAY / "clear.png").read_bytes()),
        ("broken.png", b"\x89PNG"),
        ("b.csv", b"x\n1\n"),
        (".hidden.png", b""),
        ("notes.md", b""),
        ("wine/own.csv", b"x\n1\n"),
    ):
        (tmp_path / path).write_bytes(data)
    return tmp_path


def test_a_model_has_those_of_its_folder_or_of_all(folder):
    found = Samples(folder, ["xray", "wine"])
    assert found.names("xray", "picture") == ["a.png", "broken.png"]
    assert found.names("xray", "table") == ["b.csv"] and found.names("wine", "table") == ["own.csv"]
    assert found.names("wine", "picture") == []
    assert found.described("xray", "a.png")["preview"].startswith("data:image/jpeg;base64,")
    assert found.described("xray", "broken.png") == {"name": "broken.png"}
    assert Samples(None, ["xray"]).names("xray", "picture") == []


def test_no_name_leads_out_of_the_folder(folder):
    found = Samples(folder / "wine", ["wine"])
    for name in ("../a.png", "/etc/passwd", str(folder / "a.png"), "own.csv/../own.csv", "later.csv"):
        with pytest.raises(Refusal, match="no sample"):
            found.read("wine", name)
    (folder / "wine" / "own.csv").unlink()
    with pytest.raises(Refusal, match="no longer"):
        found.read("wine", "own.csv")


def test_a_folder_that_is_none_is_refused_at_the_start(folder):
    with pytest.raises(UsageError, match="is no folder"):
        Samples(folder / "a.png", ["xray"])


def test_samples_are_offered_and_explained(folder):
    with client("xray", samples=folder) as asked:
        offered = asked.get("/page/models/xray").json()["samples"]
        assert [each["name"] for each in offered] == ["a.png", "broken.png"]
        assert asked.post("/predict", data={"sample": "a.png"}).json()["rows"][0]["name"] == "a.png"
