import os
import subprocess
import sys

import pytest
from nets import ROOT
from serve.asking import limits

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from onnxplain.serve.guards import guarded
from onnxplain.serve.metrics import Metrics, router
from onnxplain.serve.observed import Answered


def samples(text):
    families = list(text_string_to_metric_families(text))
    names = [each.name for each in families]
    assert len(names) == len(set(names))
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


class Counted:
    def __init__(self):
        self.observe = Metrics()
        made = FastAPI()
        made.include_router(router(self))

        @made.get("/things/{thing}")
        async def thing(thing):
            return thing

        self.client = TestClient(guarded(made, limits(), self.observe))

    def read(self):
        sent = self.client.get("/metrics")
        assert sent.headers["content-type"].startswith("text/plain; version=")
        return samples(sent.text)


def test_a_parser_of_others_reads_what_was_counted():
    counted = Counted()
    observe = counted.observe
    observe.explained("net", "gradient", 3, 0.02)
    observe.explained("net", "gradient", 4, 7.0)
    observe.predicted("net", 5, 0.5)
    observe.batched(7, 0.3)
    observe.waits(2)
    observe.computes(3)
    observe.computes(-1)
    observe.planned(6)
    found = counted.read()
    assert found["onnxplain_rows_total", "gradient", "net"] == 7
    assert found["onnxplain_rows_total", "net", "predict"] == 5
    assert found["onnxplain_seconds_bucket", "0.025", "gradient"] == 1
    assert found["onnxplain_seconds_bucket", "+Inf", "gradient"] == 2
    assert found["onnxplain_seconds_sum", "gradient"] == pytest.approx(7.02)
    assert found["onnxplain_batch_rows_bucket", "4.0"] == 0
    assert found["onnxplain_batch_rows_bucket", "8.0"] == 1
    assert found["onnxplain_batch_seconds_count",] == 1
    assert found["onnxplain_waiting",] == 2
    assert found["onnxplain_running",] == 2
    assert found["onnxplain_explainers",] == 6


def test_requests_are_counted_by_the_template_of_their_address():
    counted = Counted()
    for name in "abc":
        counted.client.get(f"/things/{name}")
    counted.client.head("/things/a")
    counted.client.post("/things/a")
    found = counted.read()
    assert found["onnxplain_requests_total", "/things/{thing}", "200", "GET"] == 3
    assert found["onnxplain_requests_total", "/things/{thing}", "200", "HEAD"] == 1


def test_what_anybody_can_invent_makes_no_new_series():
    counted = Counted()
    before = len(counted.read())
    for i in range(20):
        counted.client.get(f"/invented/{i}?x={i}")
        counted.client.request(f"INVENTED{i}", f"/invented/{i}")
        counted.client.post("/things/a", content=b"x" * 101, headers={"X-Request-Id": f"{i}"})
    assert len(counted.read()) < before + 12


def test_refusals_are_counted_by_their_code():
    counted = Counted()
    counted.client.post("/things/a", content=b"x" * 101)
    counted.observe.answered(Answered("POST", None, 401, 0.0, "token"))
    found = counted.read()
    assert found["onnxplain_rejected_total", "too_large"] == 1
    assert found["onnxplain_rejected_total", "token"] == 1


def test_two_applications_in_one_process_do_not_mix():
    one, two = Counted(), Counted()
    one.observe.explained("net", "gradient", 3, 0.1)
    assert ("onnxplain_rows_total", "gradient", "net") in one.read()
    assert ("onnxplain_rows_total", "gradient", "net") not in two.read()


def test_the_newer_format_is_sent_where_it_is_asked_for():
    sent = Counted().client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert sent.headers["content-type"].startswith("application/openmetrics-text")
    assert sent.text.endswith("# EOF\n")


def test_several_processes_are_added_up(tmp_path):
    code = (
        "from onnxplain.serve.metrics import Metrics; import sys\n"
        "m = Metrics(); m.explained('net', 'gradient', int(sys.argv[1]), 0.1); m.waits(1); m.batched(2, 0.1)\n"
        "print(m.text()[0].decode())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for rows in ("3", "4"):
        command = [sys.executable, "-c", code, rows]
        text = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found = samples(text)
    assert found["onnxplain_rows_total", "gradient", "net"] == 7
    assert found["onnxplain_batch_rows_count",] == 2
    assert found["onnxplain_seconds_count", "gradient"] == 2
