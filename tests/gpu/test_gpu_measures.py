"""The benchmarks and the comparison of the check for machines with a GPU, on the stand-in."""

from __future__ import annotations

import pytest
from gpu.apart import HASTE, SMALL, STAND_IN, TOOL, python, rows
from kernels.emu import COMPILER

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no g++ to run kernels on the CPU with")


def test_the_bound_of_a_resnet_50():
    """4.09e9 multiplications and additions a row, as its authors' reimplementations count them."""
    code = STAND_IN + (
        "import math; from layers import bound; from resnet import convolutions; layers = list(convolutions()); "
        "print(len(layers), sum(bound(each, 32, 1.0, math.inf) for _, each in layers), "
        "sum(bound(each, 32, math.inf, 1.0) for _, each in layers))"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    count, operations, traffic = map(float, done.stdout.split())
    assert count == 53
    assert operations == pytest.approx(2 * 32 * 4.09e9, rel=0.01)
    assert 2.5e9 < traffic < 3.5e9


@needs_compiler
def test_layers_are_measured_in_every_way():
    code = (
        STAND_IN
        + HASTE
        + (
            "import json; from layers import row, seconds; from resnet import Layer; "
            "print(json.dumps(row({'layer': 'a'}, seconds(Layer(4, 6, 3, 2, 7), 2)))); "
            "print(json.dumps(row({'layer': 'b'}, seconds(Layer(4, 6, 1, 1, 5), 2))))"
        )
    )
    wide, pointwise = rows(python(code))
    assert {"over tiled", "over columns", "over direct", "over cublas"} <= wide.keys()
    assert "over cublas" in pointwise and "over tiled" not in pointwise
    assert all(value > 0 for name, value in wide.items() if name != "layer")


@needs_compiler
def test_a_way_that_is_asked_for_is_the_one_that_is_measured():
    """Few channels go direct and many tiled by themselves: the other way runs only where it is asked for."""
    code = (
        STAND_IN
        + HASTE
        + (
            "import json; from collections import Counter; from layers import convolution, seconds; "
            "from resnet import Layer; calls = Counter()\n"
            "def counted(name, plain):\n"
            "    def run(*given):\n        calls[name] += 1\n        return plain(*given)\n    return run\n"
            "for name in ('_tiled', '_direct'):\n"
            "    setattr(convolution, name, counted(name, getattr(convolution, name)))\n"
            "for layer in (Layer(4, 6, 3, 2, 7), Layer(16, 16, 3, 1, 4)):\n"
            "    calls.clear(); seconds(layer, 2); print(json.dumps(calls))\n"
        )
    )
    few, many = rows(python(code))
    assert few == {"_direct": 6, "_tiled": 3} and many == {"_direct": 3, "_tiled": 6}


@needs_compiler
def test_explanations_are_measured_and_a_missing_peer_is_said():
    code = STAND_IN + HASTE + SMALL + "sys.modules['torch'] = None; import explanations; explanations.main()"
    done = python(code, "--batches", "2", "--methods", "gradient", "lrp.epsilon_plus_flat")
    found = rows(done)
    assert "torch autograd: " in done.stderr and "zennit: " in done.stderr
    assert [each["method"] for each in found] == ["gradient", "lrp.epsilon_plus_flat"]
    assert all(each["over forward"] > 1 and each["over peer"] is None for each in found)


@needs_compiler
def test_one_explainer_lives_at_a_time():
    """Two hold their sessions, and a batch of 128 fills the memory."""
    code = (
        STAND_IN
        + HASTE
        + SMALL
        + (
            "import json, weakref, explanations, onnxplain\n"
            "make, alive, most = onnxplain.Explainer, weakref.WeakSet(), []\n"
            "def watched(*given):\n"
            "    made = make(*given); alive.add(made); most.append(len(alive)); return made\n"
            "onnxplain.Explainer = watched; explanations.main(); print(json.dumps({'alive': most}))"
        )
    )
    *_, last = rows(python(code, "--batches", "1", "2", "--methods", "gradient", "lrp.epsilon"))
    assert last["alive"] == [1, 1, 1]


def test_a_call_takes_its_part_of_the_time_between_two_events():
    code = STAND_IN + (
        "import clock, json, cupy; clock.LEAST = clock.MOST = 3; calls = []; "
        "cupy.cuda.get_elapsed_time = lambda start, end: 16.0; took = clock.on_device(lambda: calls.append(1)); "
        "print(json.dumps({'took': took, 'calls': len(calls), 'repeats': clock.REPEATS}))"
    )
    (found,) = rows(python(code))
    assert found["repeats"] > 1 and found["calls"] == 2 + 3 * found["repeats"]
    assert found["took"] == pytest.approx(0.016 / found["repeats"])


def test_peaks_are_those_of_matrices_of_many_values():
    code = (
        STAND_IN
        + HASTE
        + (
            "import json, cupy; from onnxplain.engines.cupy import gemm; plain, seen = gemm.matmul, []; "
            "gemm.matmul = lambda a, b: seen.append(len(set(cupy.asnumpy(a).ravel().tolist()))) or plain(a, b); "
            "rates = clock.peaks(16, 4096); "
            "print(json.dumps({'values': min(seen), 'least': min(rates)}))"
        )
    )
    (found,) = rows(python(code))
    assert found["values"] > 200 and found["least"] > 0


@needs_compiler
def test_a_forward_run_is_compared_and_one_without_cuda_is_skipped(tmp_path):
    run = f"import runpy; runpy.run_path({str(TOOL / 'forward.py')!r}, run_name='__main__')"
    tmp_path.joinpath("forward.py").write_text(STAND_IN + SMALL + run)
    worse = "from onnxplain.engines.cupy import device; F, host = device.DeviceForward, device.DeviceForward.to_numpy; "
    worse += "F.to_numpy = lambda *given: 1.01 * host(*given); "
    tmp_path.joinpath("wrong.py").write_text(STAND_IN + SMALL + worse + run)
    code = (
        f"import json, pathlib, steps; steps.HERE = pathlib.Path({str(tmp_path)!r}); here = steps.HERE; "
        "print(json.dumps(steps.compared(60.0))); "
        "code, out = steps.process([__import__('sys').executable, str(here / 'wrong.py')], 60.0); "
        "print(json.dumps({'code': code, 'out': out}))"
    )
    skipped, wrong = rows(python(code))
    assert skipped["state"] == "skipped" and "without CUDA" in skipped["says"]
    assert wrong["code"] == 1 and "1.0e-02 of the largest logit" in wrong["out"]


def test_rounding_weights_as_tf32_does_would_be_found():
    code = SMALL + (
        "import json, numpy as np, onnx, onnxruntime as ort; from forward import ALLOWED, difference; "
        "proto = resnet.resnet50(); x = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype('f'); "
        "run = lambda: ort.InferenceSession(proto.SerializeToString()).run(None, {'input': x})[0]; exact = run(); "
        "short = lambda w: ((w.view(np.uint32) + 0x1000) & 0xffffe000).view('f'); "
        "[each.CopyFrom(onnx.numpy_helper.from_array(short(onnx.numpy_helper.to_array(each)), each.name)) "
        "for each in proto.graph.initializer]; "
        "print(json.dumps({'apart': difference(run(), exact), 'allowed': ALLOWED}))"
    )
    (found,) = rows(python(code))
    assert found["apart"] > found["allowed"]
