"""tools/fuzz_requests: a small share of its requests, sent to a real server; and that it finds what is wrong."""

import importlib
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("uvicorn", reason="the service needs the extra serve")
pytest.importorskip("fastapi", reason="the service needs the extra serve")
pytest.importorskip("tokenizers", reason="one of the models takes texts")
from nets import ROOT

NAMES = ("bodies", "client", "judge", "odd", "plans", "server", "__main__")


@pytest.fixture(scope="module")
def fuzz():
    """The modules of the tool, by attribute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "tools" / "fuzz_requests")
        main = importlib.util.spec_from_file_location("fuzz_requests", ROOT / "tools" / "fuzz_requests" / "__main__.py")
        found = {name: importlib.import_module(name) for name in NAMES[:-1]}
        found["main"] = importlib.util.module_from_spec(main)
        patch.setitem(sys.modules, "fuzz_requests", found["main"])
        main.loader.exec_module(found["main"])
        yield SimpleNamespace(**found)


def test_what_is_sent_depends_on_the_number_alone(fuzz):
    some = [fuzz.plans.plan(0, i) for i in range(80)]
    assert some == [fuzz.plans.plan(0, i) for i in range(80)]
    assert some != [fuzz.plans.plan(1, i) for i in range(80)]
    assert len({each.kind for each in some}) > 10


def test_a_share_of_the_requests_finds_nothing(fuzz):
    with fuzz.server.served() as server:
        found = fuzz.main.run(server, 0, range(200))
        assert found.faults == {}
        assert server.tracebacks() == []
        assert len(found.good) == found.statuses["good", "200"] == 4
        statuses = {int(status) for _, status in found.statuses if status != "none"}
    assert statuses >= {200, 400, 401, 404, 422}


SAID = b'{"error": "a sentence", "code": "bad_input", "request_id": "a"}'
ID = {"x-request-id": "a"}


@pytest.mark.parametrize(
    ("status", "body", "headers", "fault"),
    [
        (422, SAID, ID, None),
        (500, SAID, ID, "status 500, which it may not have"),
        (400, b"Bad Request", ID, "no JSON"),
        (400, b'{"detail": "x"}', ID, "another form"),
        (400, SAID.replace(b"a sentence", b'in /home: File \\"a.py\\", line 3'), ID, "tells"),
        (400, SAID.replace(b"a sentence", str(ROOT).encode()), ID, "tells"),
        (400, SAID.replace(b"a sentence", b"one\\ntwo"), ID, "no sentence"),
        (401, SAID, ID, "without www-authenticate"),
        (503, SAID, ID, "without retry-after"),
        (200, b"", {}, "no id"),
    ],
)
def test_the_judge_finds_what_is_wrong(fuzz, status, body, headers, fault):
    answer = fuzz.client.Answer(status, headers, body)
    found = fuzz.judge.faults(fuzz.plans.Plan("some"), [answer])
    assert (found == []) if fault is None else any(fault in each for each in found)


def test_the_judge_misses_an_answer(fuzz):
    assert fuzz.judge.faults(fuzz.plans.Plan("some"), []) == ["no answer"]
    assert fuzz.judge.faults(fuzz.plans.Plan("some", silent=True), []) == []
