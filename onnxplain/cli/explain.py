"""The command `onnxplain explain`: for each input, a picture of the explanation, its arrays and its record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from onnxplain.cli.beside import with_others
from onnxplain.cli.failures import Failures
from onnxplain.cli.options import (
    baseline_option,
    drawing_options,
    file_of,
    file_options,
    labels_option,
    load_model,
    model_options,
    parameters,
    parameters_option,
    read_target,
    seed_option,
)
from onnxplain.cli.style import read_style, style_options
from onnxplain.cli.terminal import say, say_line
from onnxplain.cli.verbosity import Command, note, note_input, note_once
from onnxplain.errors import UsageError
from onnxplain.method.registry import DEFAULT
from onnxplain.stream import RAISE, SKIP
from onnxplain.strict_json import dumps

if TYPE_CHECKING:
    from onnxplain.explanation import Explanation
    from onnxplain.inputs import Item
    from onnxplain.inputs.folder import Listing
    from onnxplain.stream import Stream

ENDINGS = (".png", ".npz", ".json", ".dcm")
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
@click.option("--by-folder", is_flag=True, help="Explain each input for the class that its folder is named after.")
@click.option("--dicom", is_flag=True, help="Write the map of each DICOM file as a DICOM Secondary Capture, too.")
@click.option("--patient", is_flag=True, help="Copy the name and the like into it, which file it with the patient.")
@click.option(
    "--all",
    "together",
    metavar="bars|beeswarm",
    help="Draw all rows of a table in one picture, and not each in its own: bars of the mean |R|, or a beeswarm.",
)
@click.option("--batch-size", type=int, default=1, show_default=True, help="How many inputs are walked at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")
@model_options
@file_options
@labels_option
@drawing_options
@style_options
def explain(model: str, inputs: tuple[str, ...], out: str, as_json: bool, by_folder: bool, **options: Any) -> None:
    """Explain MODEL on INPUTS: pictures, DICOM, WAV, .npy or .npz files, or folders of such.

    Of a folder of folders, one for each class, the results of each lie in a folder of the same name.

    An input that cannot be read or explained does not stop the others; the exit code is 5 then.
    """
    from onnxplain.explainer import Explainer
    from onnxplain.inputs.folder import listing
    from onnxplain.show.annotations import check_names
    from onnxplain.show.style import Style

    style, own = read_style(options), [options.pop(name) for name in ("together", "dicom", "patient")]
    write = _Writer(Path(out), as_json, style, *own)
    loaded = load_model(model, options)
    target, seed, batch_size = read_target(options.pop("target")), options.pop("seed"), options.pop("batch_size")
    explainer = Explainer(loaded, **_for_explainer(options))
    found = listing(list(inputs))
    check_names(Style.of({**write.style, "kind": write.together}), [str(each) for each in found.items])
    if by_folder and (target is not None or None in found.labels):
        raise UsageError("--by-folder: expected folders of classes, folder/label/picture, and no --target")
    if explainer.because:
        note(f"explained by {explainer.spec.name}: {explainer.because}")
    write.check(model, found, explainer.spec.name)
    for each in found.notes:
        note(each)
    targets = list(found.labels) if by_folder else target
    stream = explainer.stream(
        with_others(loaded, found.items), targets, batch_size=batch_size, on_error=_on_error(found.items), seed=seed
    )
    _write_all(stream, found, write)


def _on_error(sources: list[Item]) -> str:
    """Return what is done where an input fails: a single one ends the command with the code of its error."""
    return SKIP if len(sources) > 1 else RAISE


def _write_all(stream: Stream, found: Listing, write: _Writer) -> None:
    """Write what a stream yields, say what failed, and print the records where they are asked for as JSON."""
    labels = dict(zip(map(str, found.items), found.labels, strict=True))
    records, failed = [], Failures()
    for item, explanation in stream.items():
        source: Any = next(iter(item.values())) if isinstance(item, dict) else item
        failed.add_all(stream.failures)
        for part in explanation.parts.values():
            note_input(part.record["input"])
        note_once(explanation.meaning)
        record = write(explanation, source, labels[str(source)])
        records += [record] if write.as_json else []
    failed.add_all(stream.failures)
    if write.as_json:
        say(dumps([*records, *failed.to_json()]))
    failed.end(found.items)


def _for_explainer(options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of the explainer: the options that are left, and the values of `--set`."""
    return {**parameters(options.pop("pairs")), **options}


@dataclass(frozen=True)
class _Writer:
    """Writes the results of each input to a folder: in one below it where the input lies in the folder of a class."""

    folder: Path
    as_json: bool
    style: dict[str, Any]
    together: str | None = None
    dicom: bool = False
    patient: bool = False

    def check(self, model: str, found: Listing, method: str) -> None:
        """Raise UsageError where the results cannot be written.

        That is where a folder cannot be made, where two inputs have the same name, and where a result would be written
        over a file that is read.
        """
        from onnxplain.show.atomic import check_folder, keep_apart

        if self.patient and not self.dicom:
            raise UsageError("--patient is for the files that --dicom writes")
        if self.dicom and not any(map(_is_scan, found.items)):
            raise UsageError("--dicom: none of the inputs is a DICOM file, over which a map could be written")
        taken: dict[Path, object] = {}
        for source, label in zip(found.items, found.labels, strict=True):
            place = self._place(source, label)
            if place in taken:
                raise UsageError(
                    f"{taken[place]} and {source} would be written to the same files; give each its own -o"
                )
            taken[place] = source
        check_folder(self.folder)
        there = [each for folder in {place.parent for place in taken} if folder.is_dir() for each in folder.iterdir()]
        starts = tuple(f"{place}.{method}." for place in taken)
        old = [each for each in there if str(each).startswith(starts) and each.suffix in ENDINGS]
        keep_apart(old, [model, *(file_of(str(each)) for each in found.items)])

    def __call__(self, e: Explanation, source: object, label: str | None) -> dict[str, Any]:
        """Write the files of one input, with a picture of each row, and return its record with their paths."""
        from onnxplain.show.annotations import only
        from onnxplain.show.atomic import make_folder

        place, style = self._place(source, label), only(self.style, e.record["input"]["names"])
        make_folder(place.parent)
        name = place.relative_to(self.folder)
        rows = [""] if len(e.score) == 1 else [f".row{i}" for i in range(len(e.score))]
        pictures = [Path(f"{place}.{e.method}{row}.png") for row in ([".all"] if self.together else rows)]
        maps = [each.with_suffix(".dcm") for each in pictures] if self.dicom and _is_scan(source) else []
        arrays = [Path(f"{place}.{e.method}{ending}") for ending in (".npz", ".json")]
        if self.together:
            e.save(pictures[0], row="all", kind=self.together, **style)
        for i, row in enumerate(rows):
            path = pictures[0 if self.together else i]
            if not self.together:
                e.save(path, row=i, **style)
            if not self.as_json:
                probability = "" if e.probability is None else f", probability {e.probability[i]:.4g}"
                other = f", in the folder {label}" if label not in (None, e.labels[i]) else ""
                say_line(f"{name}{row}: {e.labels[i]}, score {e.score[i]:.6g}{probability}{other} -> {path}")
                if e.conservation is not None:
                    note(e.conservation.line(i))
        for i, path in enumerate(maps):
            e.save(path, row=i, patient=self.patient, **{k: v for k, v in style.items() if k not in ("size", "font")})
        for path in arrays:
            e.save(path)
        folder = {} if label is None else {"folder": label}
        return {**e.to_dict(), **folder, "files": [str(path) for path in (*pictures, *maps, *arrays)]}

    def _place(self, source: object, label: str | None) -> Path:
        """Return the path of the results of an input, without method and ending."""
        return self.folder / (label or "") / Path(str(source)).stem


def _is_scan(source: object) -> bool:
    """Whether an input is the path of a DICOM file."""
    from onnxplain.inputs.dicom import is_dicom_file

    path = Path(str(source))
    return path.is_file() and is_dicom_file(path)
