"""onnxplain inspect: what the file is, what becomes of it, and what each method would do at each node."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.options import load_model, model_options, parameters, read_target
from onnxplain.errors import OnnxplainError
from onnxplain.run.memory import row_bytes

if TYPE_CHECKING:
    from onnxplain.model import Model


@click.command()
@click.argument("model", type=click.Path())
@click.argument("source", required=False, type=click.Path())
@click.option("-m", "--method", "methods", multiple=True, help="Print this method's plan; repeatable.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; repeatable.")
@click.option("--book", is_flag=True, help="Walk SOURCE and print where relevance went, node by node.")
@click.option("-t", "--target", help="Target of the book; default: the predicted class.")
@click.option("--verify", is_flag=True, help="Run the file and the prepared graph on the same input and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@model_options
def inspect(
    model: str,
    source: str | None,
    methods: tuple[str, ...],
    book: bool,
    verify: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what MODEL is and how it would be explained; with --book, explain SOURCE and keep accounts."""
    target, settings = read_target(options.pop("target")), parameters(options.pop("pairs"))
    loaded = load_model(model, options)
    report = describe(loaded)
    if verify:
        report["difference of the prepared graph"] = _verify(loaded)
    report["methods"] = _plannable(loaded)
    plans = {name: _plan(loaded, name, settings) for name in methods}
    books = (
        {name: _book(loaded, name, source, target, settings) for name in methods or ("lrp.epsilon",)} if book else {}
    )
    if as_json:
        click.echo(json.dumps({**report, "plans": plans, "books": books}, indent=1))
        return
    report["methods"] = _grouped(report["methods"])
    for key, value in report.items():
        click.echo(f"{key}: {_text(value)}")
    for name, text in [*plans.items(), *books.items()]:
        click.echo(f"\n{name}\n{text}")


def describe(model: Model) -> dict[str, Any]:
    """Facts about the file and the graph that is walked, in plain types."""
    canonical = model.canonical
    proto = model.proto
    row = row_bytes(canonical.graph)
    weights = sum(v.values.nbytes for v in canonical.graph.tensors().values() if hasattr(v, "values"))
    return {
        "file": model.path,
        "sha256": model.sha256,
        "producer": f"{proto.producer_name} {proto.producer_version}".strip(),
        "opset": {each.domain or "ai.onnx": each.version for each in proto.opset_import},
        "inputs": {v.name: f"{v.dtype} {v.shape}" for v in canonical.graph.inputs},
        "operators in the file": dict(Counter(node.op_type for node in proto.graph.node).most_common()),
        "passes": canonical.changes,
        "operators walked": dict(Counter(node.op for node in canonical.graph.nodes).most_common()),
        "head cut": list(canonical.cut),
        "scores": canonical.scores,
        "explained": _explained(model),
        "memory": f"weights {weights / 2**20:.1f} MiB, values at most {row / 2**20:.1f} MiB a row",
    }


def _explained(model: Model) -> str:
    try:
        return model.root
    except OnnxplainError as problem:
        why = str(problem)
    try:
        return f"{model.explained_input.name}, by methods that perturb alone: {why}"
    except OnnxplainError:
        return f"nothing: {why}"


def _verify(model: Model) -> float:
    from onnxplain.passes.verify import verify

    return verify(model.proto, model.canonical)


def _plannable(model: Model) -> dict[str, str]:
    """For each method: ok, or why it has no plan."""
    from onnxplain.method import METHODS

    return {name: _attempt(model, name) for name in METHODS}


def _attempt(model: Model, name: str) -> str:
    from onnxplain.run.explainer import Explainer

    bounds: dict[str, Any] = {"low": 0.0, "high": 1.0} if name.endswith("_box") else {}
    try:
        Explainer(model, name, **bounds)
    except OnnxplainError as problem:
        return str(problem)
    return "ok"


def _plan(model: Model, name: str, settings: dict[str, Any]) -> str:
    from onnxplain.run.explainer import Explainer

    return str(Explainer(model, name, **settings).plan)


def _book(model: Model, name: str, source: str | None, target: Any, settings: dict[str, Any]) -> str:
    from onnxplain.run.explainer import Explainer

    if source is None:
        raise click.UsageError("--book needs an input: onnxplain inspect MODEL SOURCE --book")
    return str(Explainer(model, name, **settings)(source, target, book=True).book)


def _grouped(methods: dict[str, str]) -> dict[str, str]:
    """Methods by what is said of them, since most share it."""
    groups: dict[str, list[str]] = {}
    for name, said in methods.items():
        groups.setdefault(said, []).append(name)
    return {" ".join(names): said.replace("\n", "\n  ") for said, names in groups.items()}


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"\n  {name}: {each}" for name, each in value.items()) or "none"
    return ", ".join(value) or "none" if isinstance(value, list) else str(value)
