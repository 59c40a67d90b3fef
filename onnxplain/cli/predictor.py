"""The options of `onnxplain serve` for a model that another server runs, with the words of KServe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from onnxplain.cli.options import loading
from onnxplain.errors import UsageError
from onnxplain.files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnxplain.serve.sources import RemoteSource

Decorated = TypeVar("Decorated", bound="Callable[..., object]")

_OPTIONS = (
    click.option(
        "--predictor-host",
        metavar="ADDRESS",
        help="Where no MODEL is given: the server that runs it, HOST:PORT or a URL; it is asked for scores alone.",
    ),
    click.option(
        "--predictor-protocol",
        default="v1",
        metavar="NAME",
        show_default=True,
        help="What it speaks: v1, KServe's, or v2, the Open Inference Protocol.",
    ),
    click.option(
        "--predictor-answers",
        type=click.Choice(("scores", "probabilities")),
        default="scores",
        show_default=True,
        metavar="KIND",
        help="What its numbers are: scores or probabilities.",
    ),
    click.option(
        "--predictor-shape",
        metavar="N,N",
        help="The shape of what it takes, rows first, -1 for any length; default: what it states, or the first rows.",
    ),
    click.option("--predictor-dtype", help="The type of what it takes; default: what it states, else float64 for v1."),
    click.option(
        "--predictor-token-file",
        type=click.Path(),
        help="File with the token that it wants, which is sent as Authorization: Bearer.",
    ),
    click.option(
        "--predictor-seconds",
        type=click.FloatRange(0, min_open=True),
        default=60.0,
        metavar="SECONDS",
        show_default=True,
        help="Seconds for a question to it, with all that is tried again.",
    ),
    click.option(
        "--predictor-retries",
        type=click.IntRange(0),
        default=4,
        metavar="NUMBER",
        show_default=True,
        help="How often a question is tried again while it is busy or cannot be reached.",
    ),
    click.option("--predictor-request-timeout-seconds", type=click.FloatRange(0, min_open=True), hidden=True),
    click.option("--predictor-request-retries", type=click.IntRange(0), hidden=True),
    click.option("--predictor-use-ssl", type=bool, default=False, hidden=True),
)
_NAMES = ("host", "protocol", "answers", "shape", "dtype", "token_file", "seconds", "retries", "use_ssl")
_WORDS = {
    "predictor_seconds": "predictor_request_timeout_seconds",
    "predictor_retries": "predictor_request_retries",
}
"""What KServe calls two of them."""
_ELSEWHERE = ("engine", "device", "providers", "threads", "precision", "input", "fixed", "parity")
"""Options that say how a file is run, which nobody runs here."""


def predictor_options(command: Decorated) -> Decorated:
    """Add these options to a command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def of_predictor(options: dict[str, Any]) -> dict[str, Any]:
    """Return the values of these options by their names without "predictor", taken out of `options`."""
    for name, word in _WORDS.items():
        if (value := options.pop(word)) is not None:
            options[name] = value
    return {name: options.pop(f"predictor_{name}") for name in _NAMES}


def remote_source(name: str, asked: dict[str, Any], options: dict[str, Any]) -> RemoteSource:
    """Return the model `name` of another server.

    asked: what `of_predictor` gave. options: the further ones of the command. Raises UsageError for one that says how a
    file is run, and for an address, a protocol or a shape that is none.
    """
    from onnxplain.serve.sources import RemoteSource

    source = click.get_current_context().get_parameter_source
    for each in _ELSEWHERE:
        if source(each) == ParameterSource.COMMANDLINE:
            flag = "provider" if each == "providers" else each
            raise UsageError(f"--{flag} says how a file is run, and the model of --predictor-host runs elsewhere")
    if asked["protocol"] == "grpc-v2":
        raise UsageError("--predictor-protocol grpc-v2: gRPC is not spoken; expected v1 or v2, over HTTP")
    host, given = asked["host"], loading(options)
    kept = ("preprocess", "labels", "features", "vocabulary", "rate", "output", "limits")
    known = {key: given[key] for key in kept if given.get(key) is not None}
    return RemoteSource(
        f"https://{host}" if asked["use_ssl"] and "://" not in host else host,
        name,
        {
            **known,
            "protocol": asked["protocol"],
            "meaning": asked["answers"],
            "shape": _shape(asked["shape"]),
            "dtype": asked["dtype"],
            "seconds": asked["seconds"],
            "retries": asked["retries"],
            "headers": _headers(asked["token_file"]),
        },
    )


def _headers(file: str | None) -> dict[str, str]:
    """Return what is sent with each question. Raises UsageError for a file without exactly one token."""
    if file is None:
        return {}
    lines = [line for line in map(str.strip, read_text(file, "a token").splitlines()) if line]
    if len(lines) != 1 or not re.fullmatch(r"[!-~]+", lines[0]):
        raise UsageError(f"--predictor-token-file {file}: expected one token, in one line without spaces")
    return {"Authorization": f"Bearer {lines[0]}"}


def _shape(text: str | None) -> tuple[int | None, ...] | None:
    if text is None:
        return None
    parts = [each.strip() for each in text.split(",")]
    if not all(re.fullmatch("-1|[1-9][0-9]{0,8}", each) for each in parts):
        raise UsageError(f"--predictor-shape {text}: expected lengths, rows first, such as -1,3,224,224")
    return tuple(None if each == "-1" else int(each) for each in parts)
