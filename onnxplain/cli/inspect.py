"""The command `onnxplain inspect`: what a file is, how it is prepared, and what a method would do at each node."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.layout import block
from onnxplain.cli.options import (
    file_options,
    labels_option,
    load_model,
    model_options,
    parameters,
    parameters_option,
    read_target,
)
from onnxplain.cli.terminal import say
from onnxplain.cli.verbosity import Command, note_input
from onnxplain.engines.budget import RowBytes
from onnxplain.errors import OnnxplainError, UnsupportedModelError, UsageError
from onnxplain.explainer import Explainer
from onnxplain.memory import memory_of, one_row
from onnxplain.method.meaning import meaning
from onnxplain.method.registry import DEFAULT, METHODS
from onnxplain.passes.difference import HALF, SINGLE
from onnxplain.passes.verify import verify
from onnxplain.strict_json import dumps
from onnxplain.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from onnxplain.model import Model
    from onnxplain.walk.objective import Target

ANY_BOUNDS = {"low": 0.0, "high": 1.0}
"""Values for parameters that only the user knows where the model has no preprocessing: the plan is the same for all."""


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("source", required=False, type=click.Path())
@click.option("-m", "--method", "methods", multiple=True, help="Print this method's plan; repeatable.")
@parameters_option
@click.option("--book", is_flag=True, help=f"Explain SOURCE by -m, else by {DEFAULT}, and print where relevance went.")
@click.option("-t", "--target", help="The target of --book; default: the predicted class.")
@click.option("--verify", "verified", is_flag=True,
              help="Exit 1 where the file and the graph prepared from it differ on the same random input by more "
              f"than {SINGLE:g} of the largest score, {HALF:g} with weights in half precision.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@model_options
@file_options
@labels_option
def inspect(model: str, methods: tuple[str, ...], verified: bool, as_json: bool, **options: Any) -> None:
    """Say what MODEL is and how it would be explained; with --book, explain SOURCE and print where relevance went."""
    source, book, target, pairs = (options.pop(name) for name in ("source", "book", "target", "pairs"))
    _check_asked(source, target, book=book, parametrised=bool(pairs), planned=bool(methods))
    wanted, settings = read_target(target), parameters(pairs)
    loaded = load_model(model, options)
    report = describe(loaded)
    found = report["parity"] = _parity(loaded, asked=verified)
    found_of = {name: _attempt(loaded, name) for name in METHODS}
    report["methods"] = {name: said for name, (said, _) in found_of.items()}
    report["meaning"] = {name: list(meant) for name, (_, meant) in found_of.items()}
    plans = {name: _plan(loaded, name, settings) for name in methods}
    report["resident"] = {name: _resident(loaded, name, settings) for name in methods or (DEFAULT,)}
    books = {name: _book(loaded, name, source, wanted, settings) for name in methods or (DEFAULT,)} if book else {}
    if as_json:
        say(dumps({**report, "plans": plans, "books": books}))
    else:
        _print(report, {name: plan or "walks nothing" for name, plan in plans.items()}, books)
    if found["small"] is False:
        say(f"onnxplain: the prepared graph differs by over {found['tolerance']:g} of the scores", err=True)
        raise SystemExit(1 if verified else 0)


def _check_asked(source: str | None, target: str | None, *, book: bool, parametrised: bool, planned: bool) -> None:
    """Raise UsageError for an option or argument that nothing would read, and where the book has no input."""
    if book and source is None:
        raise UsageError("--book needs an input: onnxplain inspect MODEL SOURCE --book")
    for name, given in (("SOURCE", source), ("--target", target)):
        if given is not None and not book:
            raise UsageError(f"{name} is read by --book alone; add --book")
    if parametrised and not (planned or book):
        raise UsageError("--set is read by -m and --book alone; add one of them")


def describe(model: Model) -> dict[str, Any]:
    """Return facts about the file and about the graph that is walked, in plain JSON types."""
    canonical = model.canonical
    proto = model.proto
    weights = sum(v.values.nbytes for v in canonical.graph.tensors().values() if hasattr(v, "values"))
    return {
        "file": model.path,
        "sha256": model.sha256,
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        "opset": {each.domain or "ai.onnx": each.version for each in proto.opset_import},
        "inputs": {v.name: f"{v.dtype} [{', '.join(map(_size, v.shape or ()))}]" for v in canonical.graph.inputs},
        "operators in the file": dict(Counter(node.op_type for node in proto.graph.node).most_common()),
        "passes": canonical.changes,
        "operators walked": dict(Counter(node.op for node in canonical.graph.nodes).most_common()),
        "walked": canonical.ways,
        "nodes": [asdict(each) for each in canonical.walked],
        "head cut": list(canonical.cut),
        "scores": canonical.scores,
        "output": canonical.output,
        "other outputs": list(canonical.others),
        "explained": _explained(model),
        "memory": f"weights {_bytes(weights)}, values at most {_row(model)}",
    }


def _size(n: int | str | None) -> str:
    """Return a dimension of a shape as text."""
    return "?" if n is None else str(n)


def _row(model: Model) -> str:
    """Return how much memory the values of a row take, and of which shapes where the file leaves these open."""
    graph = model.canonical.graph
    row, nbytes = one_row(model, graph), RowBytes(graph)
    shapes = f" of {_shapes({name: each.shape for name, each in row.items()})}" if nbytes.open else ""
    return f"{_bytes(nbytes(row))} a row{shapes}"


def _shapes(shapes: Mapping[str, Sequence[int]]) -> str:
    """Return shapes by name as text."""
    return ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())


def _bytes(n: float) -> str:
    """Return a number of bytes as text."""
    return f"{n / 2**20:.1f} MiB" if n >= 2**20 else f"{n / 2**10:.1f} KiB"


def _explained(model: Model) -> str:
    """Return which value is explained, and where only some methods or none can explain it, why."""
    try:
        return ", ".join(model.roots.values()) + ", together" if model.together else model.root
    except OnnxplainError as problem:
        why = str(problem)
    try:
        return f"{model.explained_input.name}, by methods that perturb alone: {why}"
    except OnnxplainError:
        return f"nothing: {why}"


def _attempt(model: Model, name: str) -> tuple[str, tuple[str, ...]]:
    """Return "ok", with the parameters that only the user knows, or why the method cannot explain this model.

    Beside it stands what has to be known of the numbers of the method.
    """
    needed: dict[str, Any] = {} if model.preprocess else {each: ANY_BOUNDS[each] for each in METHODS[name].required}
    try:
        explainer = Explainer(model, name, **needed)
    except OnnxplainError as problem:
        return str(problem), ()
    said = f"ok with {' and '.join(f'{each}=' for each in needed)}" if needed else "ok"
    return said, meaning(model.canonical, explainer.plan)


def _parity(model: Model, *, asked: bool) -> dict[str, Any]:
    """Return how far the graph that explanations are made with is from the file, on random inputs.

    small: whether that is rounding; None where it is unknown, and `unproven` says why.
    """
    if model.parity == "never" and not asked:
        return {"small": None, "unproven": "loaded without"}
    try:
        found = verify(model.proto, model.canonical)
    except UnsupportedModelError as problem:
        if asked:
            raise
        return {"small": None, "unproven": str(problem)}
    said = {"difference": found.largest, "scores": found.scores, "tolerance": found.tolerance}
    return {**said, "small": found.small, "unproven": None, "widened": found.widened}


def _resident(model: Model, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return about how many bytes a process holds that has explained one row by a method, or why that is not known."""
    try:
        found = memory_of(Explainer(model, name, **settings))
    except OnnxplainError as problem:
        return {"unknown": str(problem)}
    return {**asdict(found), "total": found.total}


def _plan(model: Model, name: str, settings: dict[str, Any]) -> str | None:
    """Return the plan of a method, which rule it applies at each node, as a table; None where it walks nothing."""
    plan = Explainer(model, name, **settings).plan
    return None if plan is None else str(plan)


def _book(model: Model, name: str, source: str, target: Target, settings: dict[str, Any]) -> str:
    """Return the accounts of where relevance went on one input, node by node."""
    e = Explainer(model, name, **settings)(source, target, book=True)
    note_input(e.record["input"])
    return str(e.book)


# --- for people -------------------------------------------------------------------------------------------------------


def _print(report: dict[str, Any], plans: dict[str, str], books: dict[str, str]) -> None:
    found = report["parity"]
    said = found["unproven"] or (
        f"the prepared graph differs from the file by at most {found['difference']:.2g} on random inputs, "
        f"scores up to {found['scores']:.3g}"
        + (f"; that was run in float32: {found['widened']}" if found["widened"] else "")
    )
    report = report | {"parity": said}
    for key, value in report.items():
        if key == "walked":
            _print_ways(value)
        elif key == "resident":
            _print_resident(value)
        elif key not in ("methods", "nodes", "meaning"):
            say(block(f"{key}: {_text(value)}", hanging=2))
    say("methods:")
    for said, names in _grouped(report["methods"]).items():
        say(f"{block(', '.join(names), 2)}\n{block(said, 6)}")
    meant = {name: "; ".join(each) for name, each in report["meaning"].items() if each}
    if meant:
        say("what the numbers mean:")
    for said, names in _grouped(meant).items():
        say(f"{block(', '.join(names), 2)}\n{block(said, 6)}")
    for name, text in [*plans.items(), *books.items()]:
        say(f"\n{name}\n{text}")


def _print_ways(ways: dict[str, int]) -> None:
    """Print the nodes that are not walked by the facts of their own operator: how many there are of each kind."""
    say("walked in a way of their own:" if ways else "walked: every node by the facts of its operator")
    for way, count in ways.items():
        say(block(printable(f"{count} {way}"), 2))


def _print_resident(found: dict[str, dict[str, Any]]) -> None:
    """Print for each method how much memory a process holds that has explained one row."""
    for name, each in found.items():
        parts = ", ".join(f"{part} {_bytes(each[part])}" for part in ("program", "weights", "values") if part in each)
        shapes = _shapes(each.get("shapes", {}))
        again = f"; the forward run is repeated in {each['segments']} segments" if each.get("segments", 1) > 1 else ""
        said = each.get("unknown") or f"about {_bytes(each['total'])} ({parts}) with {shapes}{again}"
        say(block(f"resident when one row is explained by {name}: {printable(said)}", hanging=2))


def _grouped(methods: dict[str, str]) -> dict[str, list[str]]:
    """Return the names of the methods by what is said of them: most share one sentence."""
    groups: dict[str, list[str]] = {}
    for name, said in methods.items():
        groups.setdefault(said, []).append(name)
    return groups


def _text(value: object) -> str:
    """Return a fact of the report in one line."""
    if isinstance(value, dict):
        return ", ".join(printable(f"{name} {each}") for name, each in value.items()) or "none"
    return ", ".join(map(printable, value)) or "none" if isinstance(value, list) else printable(str(value))
