"""The options that several commands share, and how their values are read."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import fields, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

import click

from onnxplain.cli.beside import read_inputs
from onnxplain.errors import UsageError
from onnxplain.inputs.table_file import ENDINGS as TABLES
from onnxplain.inputs.tokens import EMPTY, ZEROS
from onnxplain.limits import Limits
from onnxplain.walk.seed import SEEDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from onnxplain.inputs import Preprocess
    from onnxplain.model import Model
    from onnxplain.walk.neuron import Neuron

Decorated = TypeVar("Decorated", bound="Callable[..., object]")
_log = logging.getLogger(__name__)
_NUMBER = "[0-9]{1,18}"


def _window(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[float, float] | None:  # noqa: ARG001
    """Return the centre and the width of a window."""
    if value is None:
        return None
    try:
        centre, width = map(float, value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected CENTRE,WIDTH, such as 40,400.") from None
    return centre, width


_PREPROCESS = click.option(
    "--preprocess",
    metavar="NAME|FILE",
    help="imagenet, tf, raw, or a JSON file (HuggingFace and timm too).",
)
_RUNNING_OPTIONS = (
    click.option("--engine", help="Engine of the walk: onnxruntime or numpy, on a GPU cupy or cudnn."),
    click.option("--device", help="cpu or cuda; by default the GPU where there is one."),
    click.option("--provider", "providers", multiple=True, help="An execution provider of onnxruntime; repeatable."),
    click.option("--threads", type=int, help="Threads of an operator; by default as many as there are cores."),
    click.option("--precision", default="float32", show_default=True, help="float32, or float64 for the reference."),
    click.option(
        "--input",
        multiple=True,
        callback=read_inputs,
        metavar="NAME|NAME=FILE",
        help="The input to explain, where several reach the scores; repeated, or all: several together, INPUTS "
        "being the first. For explain and predict also NAME=FILE for another one: an .npy or .npz, or what INPUTS "
        "may be if it is explained too; repeatable.",
    ),
    click.option("--output", help="The output to explain, where there are several."),
    click.option(
        "--fixed",
        multiple=True,
        metavar="NAME=VALUE",
        help="The value of an input that is a setting, such as a sampling rate; repeatable.",
    ),
    click.option(
        "--parity",
        default="first",
        show_default=True,
        help="When to compare with the untouched file: first, always (all rows of each input), or never.",
    ),
    click.option(
        "--limit",
        "limits",
        multiple=True,
        metavar="NAME=NUMBER",
        help=f"Raise or lower what a file may ask for: {', '.join(each.name for each in fields(Limits))}; repeatable.",
    ),
)
_FILE_OPTIONS = (
    click.option(
        "--window",
        metavar="CENTRE,WIDTH",
        callback=_window,
        help="Which numbers of a DICOM file or another deep picture are black and white, as in DICOM: 40,400.",
    ),
    click.option("--bits", type=int, help="How many bits of a number a deep picture uses, such as 12 of 16."),
    click.option("--frame", type=int, help="The frame of a file of several, from 0; default: all of a DICOM file."),
    click.option("--rate", type=int, help="How many samples a second the model's waveforms have, for WAV files."),
    click.option("--resample", is_flag=True, help="Bring a WAV file of another rate to it, instead of refusing it."),
    click.option("--channel", metavar="NUMBER|mean", help="Of several channels the one to take, from 0, or the mean."),
)
labels_option = click.option("--labels", type=click.Path(), help="Text file with one label a line.")
parameters_option = click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A parameter of the method; repeatable."
)


def _baseline(ctx: click.Context, param: click.Parameter, value: str | None) -> float | str | Path | None:  # noqa: ARG001
    """Return a number, the path of an array, or one of the words that stand for a baseline of token ids."""
    if value is None or value in (*EMPTY, ZEROS):
        return value
    if value.lower().endswith((".npy", ".npz", *TABLES)):
        return Path(value)
    try:
        return float(value)
    except ValueError:
        words, endings = ", ".join((*EMPTY, ZEROS)), ", ".join((".npy", ".npz", *TABLES))
        raise click.BadParameter(f"{value!r} is no number, none of {words}, and no file in {endings}.") from None


baseline_option = click.option(
    "--baseline",
    metavar="NUMBER|FILE|WORD",
    callback=_baseline,
    help="A number in the range of the model's input, by default 0, or rows in an .npy, .npz, .csv or .parquet. "
    "For token ids: "
    "an id, pad, mask, or zeros of the "
    "embedding; by default the vocabulary's token for the first two, else zeros.",
)
seed_option = click.option("--seed", help=f"One of {', '.join(SEEDS)}; default: the method's own.")
_DRAWING_OPTIONS = (
    click.option("--features", type=click.Path(), help="Text file with one column name a line, for tables."),
    click.option("--vocabulary", type=click.Path(), help="Words of token ids: a text file, or a tokenizer.json."),
)
# the options whose values go to `onnxplain.load` as they are
_LOADED = (
    "preprocess",
    "labels",
    "features",
    "vocabulary",
    "rate",
    "engine",
    "device",
    "precision",
    "input",
    "output",
    "parity",
    "providers",
    "threads",
)

_STATED = ("window", "bits", "frame")
"""The options of pictures, which are fields of the preprocessing."""
_SOUND = ("rate", "resample", "channel")
"""The options of sounds, which are fields of a `Sound`."""
WORDS = ("self", "path")
"""Names that `--set` must not have: arguments of the Python functions that get its values, but no option here."""


def model_options(command: Decorated) -> Decorated:
    """Add the options of `onnxplain.load` that every command with a model takes."""
    return _with((_PREPROCESS, *_RUNNING_OPTIONS), command)


def running_options(command: Decorated) -> Decorated:
    """Add those of `model_options` that say how a model runs and which of its inputs and outputs count."""
    return _with(_RUNNING_OPTIONS, command)


def drawing_options(command: Decorated) -> Decorated:
    """Add the options of `onnxplain.load` that name columns and tokens."""
    return _with(_DRAWING_OPTIONS, command)


def file_options(command: Decorated) -> Decorated:
    """Add the options that say of pictures and sounds what no file does: range and frame, rate and channel."""
    return _with(_FILE_OPTIONS, command)


def _with(options: Sequence[Callable[[Decorated], Decorated]], command: Decorated) -> Decorated:
    """Add options to a command; they are listed in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def load_model(path: str, options: dict[str, Any]) -> Model:
    """Load a model with the options of the command line; those that it uses are taken out of `options`."""
    from onnxplain.api import load
    from onnxplain.graph.runtime import keep_silent

    keep_silent()
    given = loading(options)
    start = perf_counter()
    model = load(path, **given)
    _log.info(
        "loaded %s in %.2f s for the engine %s in %s", path, perf_counter() - start, model.engine, model.precision
    )
    return model


def loading(options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of `onnxplain.load` that options of the command line come to, which are taken out."""
    fixed = _values("--fixed", options.pop("fixed"), "sr=16000")
    limits = _values("--limit", options.pop("limits"), "nodes=200000")
    options["providers"] = options["providers"] or None
    if "window" in options:
        options["preprocess"] = _stated(options.get("preprocess"), **{name: options.pop(name) for name in _STATED})
        options["rate"] = _sound({name: options.pop(name) for name in _SOUND})
    taken = {name: options.pop(name) for name in _LOADED if name in options}
    return {"fixed": fixed or None, "limits": limits, **taken}


def _stated(preprocess: str | None, **given: Any) -> str | Preprocess | None:
    """Return the preprocessing of an option with what further options state of pictures.

    Raises UsageError where they are given without one.
    """
    from onnxplain.inputs import Preprocess

    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return preprocess
    if preprocess is None:
        raise UsageError(f"--{next(iter(given))} is for pictures, and there is no --preprocess for them")
    ranged = {"bits": None, "window": None} if {"bits", "window"} & given.keys() else {}
    return replace(Preprocess.of(preprocess), **{**ranged, **given})


def _sound(given: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the options state of waveforms, as `onnxplain.load` takes it; None where they state nothing."""
    channel = given.pop("channel")
    if channel is not None:
        given["channel"] = int(channel) if re.fullmatch(_NUMBER, channel) else channel
    return {name: value for name, value in given.items() if value is not None and value is not False} or None


def parameters(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of `--set` by name.

    Raises UsageError for a name that the command itself has an option or an argument for.
    """
    found = _values("--set", pairs, "gamma=0.5")
    params = click.get_current_context().command.params
    own = {flag.lstrip("-").replace("-", "_"): flag for each in params for flag in each.opts if len(flag) > 2}
    for name in found:
        if name in own:
            raise UsageError(f"--set {name}: {name!r} is no parameter; the command itself takes it, as {own[name]}")
        if name in WORDS:
            raise UsageError(f"--set {name}: nothing has a parameter {name!r}")
    return found


def _values(flag: str, pairs: tuple[str, ...], such_as: str) -> dict[str, Any]:
    """Return the values of NAME=VALUE pairs by name: a number, true, false or another JSON value, or else text.

    flag, such_as: the option and an example, for the message of the UsageError where there is no value.
    """
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UsageError(f"{flag} {pair}: expected name=value, such as {such_as}")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
    return found


def file_of(source: str) -> str:
    """Return the path of an input's file, without the name of an array in an .npz."""
    return re.sub(r"(\.npz):[^/]*$", r"\1", source)


def read_target(text: str | None) -> int | str | Neuron | None:
    """Read a target: a class index, tensor:channel[:max|:i,j] for a value inside the network, or else a label."""
    from onnxplain.walk.neuron import Neuron

    if text is None or re.fullmatch(rf"-?{_NUMBER}", text):
        return None if text is None else int(text)
    inner = re.fullmatch(rf"(.+?):({_NUMBER})(?::(max|{_NUMBER}(?:,{_NUMBER})*))?", text)
    if inner is None:
        return text
    tensor, channel, position = inner.groups()
    if position is None or position == "max":
        return Neuron(tensor, int(channel), position)
    return Neuron(tensor, int(channel), tuple(map(int, position.split(","))))
