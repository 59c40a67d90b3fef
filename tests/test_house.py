"""The rules of the house that a script can check: sizes, layers, the public names, and a fast import."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
from nets import ROOT

import onnxplain as ox

PACKAGE = ROOT / "onnxplain"
# an import never runs up: a layer imports from those before it only
LAYERS = (
    "errors", "checks", "resample", "text", "engines", "graph", "ops", "passes", "rules", "perturb", "method", "inputs",
    "model", "show", "explanation", "run", "measure", "api", "cli", "__main__",
)  # fmt: skip
SOURCES = sorted(PACKAGE.rglob("*.py"))


def runtime_imports(tree):
    """What is imported when the code runs, with its module: those under `if TYPE_CHECKING` are left out."""
    for each in ast.iter_child_nodes(tree):
        if isinstance(each, ast.If) and getattr(each.test, "id", "") == "TYPE_CHECKING":
            continue
        if isinstance(each, ast.ImportFrom) and each.module:
            yield from (f"{each.module}.{alias.name}" for alias in each.names)
        elif isinstance(each, ast.Import):
            yield from (alias.name for alias in each.names)
        yield from runtime_imports(each)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_layers_and_sizes(source):
    text = source.read_text()
    assert len(text.splitlines()) <= 300, "one idea per file"
    tree = ast.parse(text)
    for each in ast.walk(tree):
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef)):
            assert each.end_lineno - each.lineno < 40, f"{each.name} is too long"
    layer = source.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if layer == "__init__":
        return
    for module in runtime_imports(tree):
        parts = module.split(".")
        if parts[0] == "onnxplain" and parts[1:] not in ([], ["__version__"]):
            assert LAYERS.index(parts[1]) <= LAYERS.index(layer), f"{layer} imports {module}"


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
