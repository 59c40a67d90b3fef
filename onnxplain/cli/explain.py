"""onnxplain explain: pictures or arrays in; a picture, an .npz and a record out, per input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.options import load_model, model_options, parameters, read_target

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation


@click.command()
@click.argument("model", type=click.Path())
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option("-m", "--method", default="lrp.epsilon_plus_flat", show_default=True, help="See `onnxplain doctor`.")
@click.option("-t", "--target", help="Class index or label, or tensor:channel[:max]; default: the predicted class.")
@click.option("-o", "--out", default="explained", show_default=True, type=click.Path(), help="Folder for the results.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; repeatable.")
@click.option("--baseline", type=float, default=0.0, show_default=True, help="Baseline, in model space.")
@click.option("--seed", help="logit, one, probability, contrast or softmax.")
@click.option("--layer", help="Attribute to this inner value instead of the input.")
@click.option("--smooth", type=float, default=0.0, help="Sigma in pixels of a Gaussian over the map.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@model_options
def explain(model: str, inputs: tuple[str, ...], out: str, as_json: bool, **options: Any) -> None:
    """Explain MODEL on INPUTS: pictures, .npy or .npz files."""
    from tqdm import tqdm

    from onnxplain.run.explainer import Explainer

    loaded = load_model(model, options)
    target, seed = read_target(options.pop("target")), options.pop("seed")
    explainer = Explainer(loaded, **_for_explainer(options))
    if loaded.preprocess:
        click.echo(f"preprocessing: {loaded.preprocess.describe()}", err=True)
    records = []
    # disable=None: a bar on a terminal only
    for source in tqdm(inputs, unit="input", disable=None if len(inputs) > 1 else True):
        explanation = explainer(source, target, seed=seed)
        records.append(_write(explanation, Path(out), Path(source).stem, as_json))
    if as_json:
        click.echo(json.dumps(records, indent=1))


def _for_explainer(options: dict[str, Any]) -> dict[str, Any]:
    return {**parameters(options.pop("pairs")), **options}


def _write(explanation: Explanation, folder: Path, stem: str, quiet: bool) -> dict[str, Any]:
    """Write the files of one input and return its record, with their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{stem}.{explanation.method}"
    files = [folder / f"{name}.{ending}" for ending in ("png", "npz", "json")]
    for path in files:
        explanation.save(path)
    if not quiet:
        click.echo(f"{stem}: {explanation.labels[0]}, score {explanation.score[0]:.6g} -> {files[0]}")
        if explanation.delta is not None:
            click.echo(f"completeness gap {explanation.delta[0]:.3g} of {explanation.score[0]:.3g}", err=True)
    return {
        **explanation.record,
        "score": float(explanation.score[0]),
        "files": [str(path) for path in files],
    }
