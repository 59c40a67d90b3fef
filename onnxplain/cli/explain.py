"""The command `onnxplain explain`: for each input, a picture of the explanation, its arrays and its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.options import (
    baseline_option,
    drawing_options,
    file_of,
    labels_option,
    load_model,
    model_options,
    note_baseline,
    parameters,
    parameters_option,
    read_target,
    seed_option,
)
from onnxplain.cli.style import read_style, style_options
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, is_quiet, note, note_input, note_once
from onnxplain.errors import UsageError
from onnxplain.method.registry import DEFAULT
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnxplain.explanation import Explanation

ENDINGS = (".png", ".npz", ".json")
"""The endings of the files that are written for each input."""


@click.command(cls=Command)
@click.argument("model", type=click.Path())
@click.argument("inputs", nargs=-1, required=True, type=click.Path())
@click.option(
    "-m",
    "--method",
    help=f"See `onnxplain doctor`; default: {DEFAULT}, and tree_shap or kernel_shap for tables that have no slope.",
)
@click.option("-t", "--target", help="Class index or label, or tensor:channel[:max]; default: the predicted class.")
@click.option("-o", "--out", default="explained", show_default=True, type=click.Path(), help="Folder for the results.")
@parameters_option
@baseline_option
@seed_option
@click.option("--layer", help="Attribute to this inner value instead of the input.")
@click.option(
    "--smooth", type=float, default=0.0, show_default=True, help="Sigma in pixels of a Gaussian over the map."
)
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@model_options
@labels_option
@drawing_options
@style_options
def explain(model: str, inputs: tuple[str, ...], out: str, as_json: bool, **options: Any) -> None:
    """Explain MODEL on INPUTS: pictures, .npy or .npz files, or folders of such."""
    from tqdm import tqdm

    from onnxplain.explainer import Explainer
    from onnxplain.inputs.folder import listed
    from onnxplain.show.annotations import check_names
    from onnxplain.show.style import Style

    style = read_style(options)
    loaded = load_model(model, options)
    target, seed = read_target(options.pop("target")), options.pop("seed")
    explainer = Explainer(loaded, **_for_explainer(options))
    sources, notes = listed(list(inputs))
    check_names(Style.of(style), [str(each) for each in sources])
    if explainer.because:
        note(f"explained by {explainer.spec.name}: {explainer.because}")
    _check(Path(out), model, sources, explainer.spec.name)
    note_baseline(explainer.spec, explainer.parameters)
    for each in notes:
        note(each)
    records = []
    # disable=None: a bar on a terminal only
    for source in tqdm(sources, unit="input", disable=True if len(sources) == 1 or is_quiet() else None):
        explanation = explainer(source, target, seed=seed)
        note_input(explanation.record["input"])
        note_once(explanation.meaning)
        records.append(_write(explanation, Path(out), Path(str(source)).stem, as_json, style))
    if as_json:
        say(dumps(records))


def _for_explainer(options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of the explainer: the options that are left, and the values of `--set`."""
    return {**parameters(options.pop("pairs")), **options}


def _check(folder: Path, model: str, sources: Sequence[object], method: str) -> None:
    """Raise UsageError where the results cannot be written.

    That is where the folder cannot be made, where two inputs have the same name, and where a result would be written
    over a file that is read.
    """
    from onnxplain.show.atomic import check_folder, keep_apart

    stems: dict[str, object] = {}
    for source in sources:
        stem = Path(str(source)).stem
        if stem in stems:
            raise UsageError(f"{stems[stem]} and {source} would be written to the same files; give each its own -o")
        stems[stem] = source
    check_folder(folder)
    there = folder.iterdir() if folder.is_dir() else ()
    names = tuple(f"{stem}.{method}." for stem in stems)
    old = [each for each in there if each.name.startswith(names) and each.suffix in ENDINGS]
    keep_apart(old, [model, *(file_of(str(each)) for each in sources)])


def _write(e: Explanation, folder: Path, stem: str, as_json: bool, style: dict[str, Any]) -> dict[str, Any]:
    """Write the files of one input, with a picture of each row, and return its record with their paths."""
    from onnxplain.show.atomic import make_folder

    make_folder(folder)
    rows = [""] if len(e.score) == 1 else [f".row{i}" for i in range(len(e.score))]
    pictures = [folder / f"{stem}.{e.method}{row}.png" for row in rows]
    arrays = [folder / f"{stem}.{e.method}{ending}" for ending in ENDINGS[1:]]
    for i, path in enumerate(pictures):
        e.save(path, row=i, **style)
        if not as_json:
            probability = "" if e.probability is None else f", probability {e.probability[i]:.4g}"
            say_line(f"{stem}{rows[i]}: {e.labels[i]}, score {e.score[i]:.6g}{probability} -> {path}")
            if e.conservation is not None:
                note(e.conservation.line(i))
    for path in arrays:
        e.save(path)
    return {**e.to_dict(), "files": [str(path) for path in (*pictures, *arrays)]}
