"""The engine "cudnn": on the GPU with the real cuDNN where both are there, else on stand-ins for it and CuPy."""

from __future__ import annotations

import json
import sys
import types
from functools import cache
from importlib.util import find_spec

import numpy as np
import pytest
from calls import WINDOWS, normal
from gpu.apart import HASTE, STAND_IN, python
from gpu.conftest import real
from gpu.networks import resnet
from gpu.test_namespace import TILED
from kernels.emu import COMPILER
from nets import relu_cnn

import onnxplain as ox
from onnxplain.engines.numpy import NumpyNamespace
from onnxplain.engines.window import Window
from onnxplain.errors import MissingExtraError, UsageError

MODEL = relu_cnn()[0]
CUDNN = "import gpu.standin_cudnn; sys.modules['cudnn'] = gpu.standin_cudnn.module(); "
NO_CUDNN = "sys.modules['cudnn'] = None; "
CASES = {name: (*case, 4, 8) for name, case in WINDOWS.items()} | {
    f"tiled {name}": case for name, case in TILED.items()
}
OURS = {
    "four axes": ((3, 2, 2, 3), (1,) * 4, {}, 1, 3, 5),
    "a cut end": ((6, 5), (3, 3), {"pads": [0, 0, -2, 0]}, 1, 3, 5),
}
"""What cuDNN does not know."""
only_here = pytest.mark.skipif(real() is not None, reason="this GPU has the real cuDNN")


@cache
def stand_in():
    from gpu.standin_cudnn import module

    return module()


@pytest.fixture(autouse=True)
def cudnn(cupy, monkeypatch):
    """The module `cudnn` of every test in this file."""
    if real() is not None:
        return pytest.importorskip("cudnn", reason="nvidia-cudnn-frontend is not installed")
    monkeypatch.setitem(sys.modules, "cudnn", stand_in())
    return stand_in()


@pytest.fixture
def engine(cudnn):
    from onnxplain.engines.cupy import cudnn as engine

    engine.plan.cache_clear()
    return engine


def arrays(case, rows=3):
    """A window, its groups, and g, w and x for it."""
    size, kernel, attrs, group, c, m = case
    window = Window.resolve(size, kernel, attrs)
    shapes = (rows, m, *window.out), (m, c // group, *kernel), (rows, c, *size)
    return window, group, [normal(*shape, seed=i) for i, shape in enumerate(shapes)]


def check(cupy, engine, window, group, given):
    """The adjoint is NumPy's in float64, in the same bits twice; its inputs stay."""
    before = [cupy.asnumpy(each) for each in given]
    got, again = (cupy.asnumpy(engine.conv_adjoint(*given, window, group)) for _ in range(2))
    wide = [each.astype("d") for each in before]
    wanted = NumpyNamespace("float64").conv_adjoint(*wide, window, group)
    assert got.dtype == np.float32 and got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=3e-5)
    np.testing.assert_array_equal(got, again)
    for each, array in zip(given, before, strict=True):
        np.testing.assert_array_equal(cupy.asnumpy(each), array)


def planned(engine, window, given):
    return engine.plan(0, *(tuple(each.shape) for each in given), window)


@pytest.mark.parametrize("name", CASES)
def test_adjoints_are_those_of_numpy_and_come_from_cudnn(cupy, engine, name):
    window, group, given = arrays(CASES[name])
    check(cupy, engine, window, group, [cupy.asarray(each) for each in given])
    assert planned(engine, window, given) is not None


@pytest.mark.parametrize("name", OURS)
def test_what_cudnn_does_not_know_goes_to_our_kernels(cupy, engine, name):
    window, group, given = arrays(OURS[name])
    check(cupy, engine, window, group, [cupy.asarray(each) for each in given])
    assert planned(engine, window, given) is None


@only_here
@pytest.mark.parametrize("said", [RuntimeError, "cudnnGraphNotSupportedError"], ids=str)
def test_without_a_plan_our_kernels_are_taken(cupy, cudnn, engine, monkeypatch, said):
    def refuse(_):
        raise (said if isinstance(said, type) else getattr(cudnn, said))("no plan")

    monkeypatch.setattr(cudnn.pygraph, "check_support", refuse)
    window, group, given = arrays(CASES["same"])
    check(cupy, engine, window, group, [cupy.asarray(each) for each in given])
    assert planned(engine, window, given) is None


@only_here
def test_a_plan_that_takes_more_memory_than_columns_do_is_not_taken(engine, monkeypatch):
    window, _, given = arrays(CASES["same"])
    monkeypatch.setattr(engine.convolution, "COLUMNS", 8)
    assert planned(engine, window, given) is None


def test_equal_pads_stay_equal_where_a_remainder_is_cut(cudnn, engine, monkeypatch):
    """As in the strided layers of a ResNet: cuDNN has more engines for them."""
    asked, plain = [], cudnn.pygraph.conv_dgrad
    monkeypatch.setattr(cudnn.pygraph, "conv_dgrad", lambda *a, **k: asked.append(k) or plain(*a, **k))
    window, _, given = arrays(((6, 6), (3, 3), {"pads": [1] * 4, "strides": [2, 2]}, 1, 2, 2))
    assert window.after == (0, 0) and planned(engine, window, given) is not None
    assert asked[0]["pre_padding"] == asked[0]["post_padding"] == [1, 1]


def test_every_note_that_costs_digits_or_repeatability_is_deselected(cudnn, engine):
    assert set(engine.INEXACT) == set(cudnn.numerical_note.__members__) - {"STRICT_NAN_PROP"}


def test_arrays_with_gaps_and_at_odd_addresses(cupy, engine):
    window, group, (g, w, x) = arrays(CASES["one sided"], rows=4)
    g, w, x = (cupy.asarray(each) for each in (np.concatenate([g, g], 3), w, x))
    gaps = g[:, :, :, : g.shape[3] // 2]
    check(cupy, engine, window, group, [gaps, w, x])
    flat = cupy.asarray(np.arange(g.size // 2 + 1, dtype="f"))[1:]
    check(cupy, engine, window, group, [flat.reshape(gaps.shape), w, x])


def test_a_geometry_is_planned_once_and_executed_on_the_current_stream(cupy, cudnn, engine, monkeypatch):
    window, group, given = arrays(CASES["grouped"])
    given, graphs, streams = [cupy.asarray(each) for each in given], [], []
    plain, ordered = cudnn.pygraph, cudnn.set_stream
    monkeypatch.setattr(cudnn, "pygraph", lambda **options: graphs.append(options) or plain(**options))
    monkeypatch.setattr(cudnn, "set_stream", lambda *at: streams.append(at) or ordered(*at))
    used = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    for stream in used:
        with stream:
            engine.conv_adjoint(*given, window, group)
    assert [at[1] for at in streams] == [each.ptr for each in used]
    assert streams[0][0] is streams[1][0] is graphs[0]["handle"]
    assert len(graphs) == 1
    engine.conv_adjoint(given[0][:2], given[1], given[2][:2], window, group)
    assert len(graphs) == 2


@pytest.mark.parametrize("method", ["gradient", "lrp.epsilon_plus_flat", "deeplift"])
def test_explanations_are_those_of_numpy(cudnn, engine, monkeypatch, method):
    ran, (model, x) = [], resnet()
    execute = cudnn.pygraph.execute
    monkeypatch.setattr(cudnn.pygraph, "execute", lambda *a, **k: ran.append(a) or execute(*a, **k))
    a, b = (ox.explain(ox.load(model, engine=engine), x, method).attribution for engine in ("cudnn", "numpy"))
    assert np.abs(a - b).max() < 1e-5 * np.abs(b).max()
    assert ran


def test_the_record_says_so():
    model, x = relu_cnn()
    loaded = ox.load(model, engine="cudnn")
    assert loaded.device == "cuda"
    record = json.loads(json.dumps(ox.explain(loaded, x).record))
    assert record["engine"]["name"] == "cudnn"
    assert {"cupy-cuda13x", "nvidia-cudnn-cu13", "nvidia-cudnn-frontend"} <= record["versions"].keys()


@pytest.mark.parametrize("asked", [{}, {"device": "cuda"}], ids=str)
def test_it_is_never_the_default(asked):
    assert ox.load(MODEL, **asked).engine == "cupy"


@pytest.mark.parametrize("missing", ["cudnn", "cupy"])
def test_a_missing_package_is_named_with_its_extras(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingExtraError, match=r"pip install onnxplain\[gpu,cudnn\].*cu(dnn|py)"):
        ox.load(MODEL, engine="cudnn")


def test_a_frontend_without_its_library_is_missing_too(cudnn, monkeypatch):
    def lost():
        raise RuntimeError("Unable to find symbol cudnnGetVersion")

    monkeypatch.setattr(cudnn, "backend_version", lost)
    with pytest.raises(MissingExtraError, match=r"onnxplain\[gpu,cudnn\].*cudnnGetVersion"):
        ox.load(MODEL, engine="cudnn")


def test_without_a_gpu_it_fails_as_cupy_does(monkeypatch):
    nothing = types.SimpleNamespace(cuda=types.SimpleNamespace(is_available=lambda: False))
    monkeypatch.setitem(sys.modules, "cupy", nothing)
    with pytest.raises(UsageError, match=r"no CUDA device.*onnxplain\[gpu,cudnn\]"):
        ox.load(MODEL, engine="cudnn")


@pytest.mark.parametrize(
    ("asked", "said"),
    [({"device": "cpu"}, "leave one of the two out"), ({"precision": "float64"}, 'use engine="numpy"')],
    ids=str,
)
def test_what_does_not_go_with_it_is_refused(asked, said):
    with pytest.raises(UsageError, match=said):
        ox.load(MODEL, engine="cudnn", **asked)


@pytest.mark.skipif(COMPILER is None, reason="no g++ to run kernels on the CPU with")
@pytest.mark.parametrize("there", [True, False])
def test_the_check_measures_it_where_it_is(there):
    code = (
        "import json; from environment import environment; from layers import row, seconds; from resnet import Layer; "
        "about, took = environment(), row({}, seconds(Layer(4, 6, 3, 2, 7), 2)); print(json.dumps([about, took]))"
    )
    about, took = json.loads(python(STAND_IN + (CUDNN if there else NO_CUDNN) + HASTE + code).stdout)
    assert ("over engine cudnn" in took) == there
    assert ("9.24.0" if there else "onnxplain[gpu,cudnn]") in about["cudnn"]


@pytest.mark.skipif(find_spec("cudnn") is None, reason="nvidia-cudnn-frontend is not installed")
def test_the_frontend_takes_the_graph_as_it_is_described():
    """Its own checks need no GPU; names that are used behind them are there."""
    code = STAND_IN + (
        "import cudnn; from calls import WINDOWS; from gpu.standin_cudnn import lacking; "
        "from onnxplain.engines.cupy.cudnn import described; from onnxplain.engines.window import Window\n"
        "for size, kernel, attrs, group in WINDOWS.values():\n"
        "    window = Window.resolve(size, kernel, attrs)\n"
        "    described((3, 8, *window.out), (8, 4 // group, *kernel), (3, 4, *size), window).validate()\n"
        "print(lacking(cudnn))"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
