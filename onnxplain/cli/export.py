"""The command `onnxplain export`: a model that computes its own explanation, for any ONNX runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from onnxplain.cli.options import (
    baseline_option,
    load_model,
    model_options,
    parameters,
    parameters_option,
    seed_option,
)
from onnxplain.cli.terminal import say
from onnxplain.cli.verbosity import Command
from onnxplain.method.registry import DEFAULT
from onnxplain.strict_json import dumps
from onnxplain.text import printable


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("out", type=click.Path())
@click.option("-m", "--method", default=DEFAULT, show_default=True, help="See `onnxplain doctor`.")
@parameters_option
@baseline_option
@seed_option
@click.option(
    "--smooth", type=float, default=0.0, show_default=True, help="Sigma in pixels of a Gaussian over the map."
)
@click.option("--heatmap", is_flag=True, help="Also output the attribution summed over channels.")
@click.option("--with-preprocessing", is_flag=True, help="Take pictures: uint8 [N, H, W, C] at the model's size.")
@click.option("--opset", type=int, help="Version of ONNX's operators; by default the lowest that carries the file.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
@model_options
def export(model: str, out: str, method: str, pairs: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Write MODEL with its explanation to OUT: the model's inputs and `target` in, scores and `attribution` out."""
    from onnxplain.exporting import export_explained
    from onnxplain.graph.versions.lowest import runs_on

    loaded, settings = load_model(model, options), parameters(pairs)
    opset = export_explained(loaded, method, out, **options, **settings)
    runtime, size = runs_on(opset), Path(out).stat().st_size
    report = {"file": out, "bytes": size, "method": method, "source": loaded.sha256, "opset": opset}
    said = f"{out}: {size} bytes, {method}, opset {opset}: onnxruntime {runtime} or newer, and perhaps older ones"
    say(dumps({**report, "onnxruntime": runtime}) if as_json else printable(said))
