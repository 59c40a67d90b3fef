"""The rules of the house that a script can check: sizes, layers, the public names, and a fast import."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from nets import ROOT

import onnxplain as ox

PACKAGE = ROOT / "onnxplain"
# An import never runs up, those for the type checker included: a module imports from its own layer and those before it.
# A layer is a room or, where a room's modules lie on different heights, one of its modules.
LAYERS = (
    *("arrays", "text", "errors", "limits", "files", "checks", "versions", "strict_json", "freed"),
    *("stopping", "progress", "resample", "hiding"),
    *("engines.window", "engines.namespace"),  # what facts and rules are written against
    *("graph.tensors", "ops", "graph", "rows.found", "passes", "rows", "inputs"),  # no method and no rule is known here
    "trees",
    *(
        "plan.recurrence",
        "plan.attributes",
        "plan.bound",
        "plan.roots",
        "plan.network",
        "plan.selector",
        "walk.tape",
        "walk.site",
    ),  # what a rule sees
    *("rules", "plan", "walk", "engines"),
    *(
        "of_file",
        "model",
        "fitting",
        "summary",
        "answering",
        "guard",
        "feeds",
        "joint_feeds",
        "tables",
        "perturb",
        "method",
    ),
    *("probability", "prediction", "conservation", "record", "record_rows"),
    *("explanation", "joint_record", "joint_explanation", "regions"),
    *(
        "show",
        "stream",
        "explainer",
        "memory",
        "restoring",
        "replaying",
        "visualisation",
        "exported_walk",
        "exported_average",
        "exported_root",
        "exported_eigen",
        "exported_cam",
        "exported_channels",
        "exporting",
        "comparison",
        "measure",
    ),
    *("api", "runs", "serve", "cli", "__main__"),
)
# a result draws itself, and a model predicts: their methods import what does so when they are called
UPWARD = {("explanation", "show"), ("model", "prediction"), ("model", "feeds"), ("model", "summary")}
SOURCES = sorted(PACKAGE.rglob("*.py"))
NAMES = ("__version__",)


def imports(tree):
    """The modules of this package that the code imports, under `if TYPE_CHECKING` and in functions too."""
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and each.module and each.module.split(".")[0] == "onnxplain":
            yield from (f"{each.module}.{alias.name}".removeprefix("onnxplain").strip(".") for alias in each.names)
        elif isinstance(each, ast.Import):
            names = (alias.name for alias in each.names)
            yield from (name.removeprefix("onnxplain.") for name in names if name.startswith("onnxplain."))


def layer(module):
    """The place of a module in LAYERS; that of the package itself, which holds names only, is the first."""
    parts = module.split(".")
    known = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((LAYERS.index(name) for name in known if name in LAYERS), 0 if parts[0] in NAMES else None)


def upward(module, tree):
    """The imports of a module that run up."""
    own = layer(module)
    for name in imports(tree):
        rooms = module.split(".")[0], name.split(".")[0]
        if (layer(name) is None or layer(name) > own) and rooms not in UPWARD:
            yield name


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layers_and_sizes(source):
    text = source.read_text()
    assert len(text.splitlines()) <= 300, "one idea per file"
    tree = ast.parse(text)
    for each in ast.walk(tree):
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert each.end_lineno - each.lineno < 40, f"{each.name} is too long"
    module = ".".join(source.relative_to(PACKAGE).with_suffix("").parts)
    if module == "__init__":
        return
    assert layer(module) is not None, "a new room has its place in LAYERS"
    assert list(upward(module, tree)) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("rules.lrp", "from onnxplain.method.registry import METHODS"),
        ("rules.lrp", "if TYPE_CHECKING:\n    from onnxplain.method.request import Request"),
        ("rules.lrp", "def f():\n    from onnxplain import explainer"),
        ("rules.lrp", "import onnxplain.walk.walk"),
        ("ops.affine", "from onnxplain.rules import lrp"),
        ("inputs.read", "from onnxplain.plan.plan import Plan"),
        ("rules.lrp", "from onnxplain.nowhere import Thing"),
    ],
)
def test_an_import_that_runs_up_is_found(module, line):
    assert list(upward(module, ast.parse(line)))


def test_no_rule_is_long():
    """A rule is its formula: at most 12 lines of class body, docstring and blank lines left out."""
    for source in (PACKAGE / "rules").glob("*.py"):
        for each in ast.walk(ast.parse(source.read_text())):
            if isinstance(each, ast.FunctionDef) and each.name == "__call__":
                body = [s for s in each.body if not isinstance(getattr(s, "value", None), ast.Constant)]
                assert sum(s.end_lineno - s.lineno + 1 for s in body) <= 12, source


def test_public_names():
    assert set(ox.__all__) <= set(dir(ox))
    for name in ox.__all__:
        assert getattr(ox, name).__doc__, f"{name} has no docstring"
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        ox.nonsense  # noqa: B018


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("onnx", "onnxruntime", "numpy", "PIL", "matplotlib", "onnx_graphsurgeon")
    code = f"import sys, onnxplain; print([m for m in {heavy!r} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_tables_of_the_readme_are_fresh():
    command = [sys.executable, ROOT / "tools" / "tables.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()
