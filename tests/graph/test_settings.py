"""Sessions are opened on the providers and with the threads that a model was loaded with, or not at all."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from nets import BUNDLED, DIGITS, digits, relu_cnn

import onnxplain as ox
from onnxplain.engines.choice import choose
from onnxplain.errors import UsageError
from onnxplain.graph import runtime
from onnxplain.graph.settings import Settings, held

CPU = "CPUExecutionProvider"
KNOWN = onnxruntime.get_available_providers()


def opened(monkeypatch, act, said=lambda options: options.intra_op_num_threads):
    """What is `said` of the options of every session that `act` opens, by default the threads, behind its providers."""
    found, own = [], onnxruntime.InferenceSession

    def watch(source, options, providers):
        found.append((tuple(providers), said(options)))
        return own(source, options, providers=providers)

    monkeypatch.setattr(onnxruntime, "InferenceSession", watch)
    act()
    return found


@pytest.mark.parametrize("engine", ["onnxruntime", "numpy"])
def test_every_session_of_a_model_has_its_threads(engine, monkeypatch):
    monkeypatch.setattr(runtime, "THREADS", 0)  # what users have
    model = digits(engine=engine, threads=1)
    found = opened(monkeypatch, lambda: (ox.explain(model, DIGITS[0], "deeplift"), model.predict(DIGITS[0])))
    assert found and {threads for _, threads in found} == {1}
    plain = opened(monkeypatch, lambda: ox.explain(digits(engine=engine), DIGITS[0], "deeplift"))
    assert {threads for _, threads in plain} == {0}


def test_what_is_walked_and_predicted_runs_on_the_providers_and_is_proven_on_the_cpu(monkeypatch):
    asked = [(CPU, {"use_arena": "0"})]
    model = digits(providers=asked)
    found = opened(monkeypatch, lambda: (ox.explain(model, DIGITS[0], "gradient"), model.predict(DIGITS[0])))
    assert sum(providers == tuple(asked) for providers, _ in found) >= 2, "the walk and the prediction"
    assert any(providers == (CPU,) for providers, _ in found), "the proof"


def test_a_record_states_what_was_asked_and_what_ran():
    e = ox.explain(digits(providers=CPU, threads=2), DIGITS[0], "gradient")
    assert e.record["engine"]["asked"] == [CPU] and e.record["engine"]["threads"] == 2
    assert e.record["engine"]["providers"] == [CPU]
    plain = ox.explain(digits(), DIGITS[0], "gradient")
    assert plain.record["engine"]["asked"] is None and plain.record["engine"]["threads"] is None
    np.testing.assert_allclose(plain.attribution, e.attribution, rtol=1e-4, atol=1e-6)
    again = pickle.loads(pickle.dumps(digits(threads=2)))  # noqa: S301
    assert again.settings == Settings(None, 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"providers": ["NPUExecutionProvider"]},
            "'NPUExecutionProvider': this onnxruntime has .*'CPUExecutionProvider'",
        ),
        ({"providers": [("NPU", {})]}, "'NPU': this onnxruntime has"),
        ({"providers": []}, "name at least one of"),
        ({"threads": 0}, "threads=0: expected a whole number, 1 or more"),
        ({"threads": "two"}, "threads='two'"),
        ({"providers": CPU, "engine": "numpy", "precision": "float64"}, "does not run forward on them"),
    ],
)
def test_what_is_not_there_is_refused_before_the_file_is_read(options, said):
    with pytest.raises(UsageError, match=said):
        ox.load("nowhere.onnx", **options)


def test_providers_are_for_the_engines_that_onnxruntime_runs():
    with pytest.raises(UsageError, match='engine "cupy" in float32 does not run forward on them'):
        choose("cupy", None, "float32", Settings((CPU,)))
    assert choose(None, None, "float32", Settings((CPU,))) == "onnxruntime"


def test_a_provider_that_onnxruntime_leaves_out_in_silence_is_refused(monkeypatch):
    proto = relu_cnn()[0]
    session = runtime.Session(proto.SerializeToString(), [CPU])
    with Settings(("CUDAExecutionProvider", CPU)).hold(), pytest.raises(UsageError, match="did not take 'CUDAExec"):
        runtime.check_taken(session)
    runtime.check_taken(session)
    assert held() == Settings()


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2 if hasattr(os, "sched_getaffinity") else True, reason="one core")
def test_one_thread_is_one_thread():
    """Counted by the operating system: a process that explains on one thread has no more than it began with."""
    code = (
        "import os, sys, onnxplain as ox\n"
        "import onnxruntime, numpy, onnx, onnx_graphsurgeon, PIL.Image\n"
        "count = lambda: len(os.listdir('/proc/self/task'))\n"
        "threads = int(sys.argv[1]) or None\n"
        "model = ox.load(sys.argv[2], threads=threads)\n"
        "before = count()\n"
        "ox.explain(model, sys.argv[3], 'lrp.epsilon')\n"
        "print(count() - before)"
    )
    if not Path("/proc/self/task").is_dir():
        pytest.skip("the threads of a process are counted in /proc")
    given = [str(BUNDLED / "wine_mlp_torch.onnx"), str(BUNDLED / "wine_sample.npy")]
    one, many = (
        int(subprocess.check_output([sys.executable, "-c", code, threads, *given], text=True)) for threads in ("1", "0")
    )
    assert one == 0 < many


def test_the_command_line_takes_them_too(tmp_path):
    from click.testing import CliRunner

    from onnxplain.cli import main

    given = ["explain", str(BUNDLED / "wine_mlp_torch.onnx"), str(BUNDLED / "wine_sample.npy"), "-o", str(tmp_path)]
    done = CliRunner().invoke(main, [*given, "--provider", CPU, "--threads", "1", "--json"])
    assert done.exit_code == 0, done.output
    assert '"threads": 1' in done.stdout and f'"{CPU}"' in done.stdout
    wrong = CliRunner().invoke(main, [*given, "--provider", "none"])
    assert wrong.exit_code == 2 and "this onnxruntime has" in wrong.stderr and KNOWN[0] in wrong.stderr


@pytest.mark.parametrize(
    ("spinning", "entry"), [(True, "session.force_spinning_stop=1"), (False, "session.intra_op.allow_spinning=0")]
)
def test_no_thread_waits_in_a_loop_behind_a_run(spinning, entry, monkeypatch):
    """Sessions run in turn, and such threads of one would slow down the next one; while it runs, they may wait so."""
    name, value = entry.split("=")
    said = opened(monkeypatch, lambda: explain_all(spinning), lambda options: options.get_session_config_entry(name))
    assert len(said) >= 3 and {each for _, each in said} == {value}


def explain_all(spinning):
    """Open the file, its walk, and the parts of an occlusion."""
    model = digits(engine="onnxruntime")
    model = replace(model, settings=replace(model.settings, spinning=spinning))
    for method in ("gradient", "occlusion"):
        ox.Explainer(model, method)(DIGITS[0])
