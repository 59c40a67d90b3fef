"""The command `onnxplain serve`: explanations of models over HTTP."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from onnxplain.cli.options import file_options, loading, running_options
from onnxplain.cli.predictor import of_predictor, predictor_options, remote_source
from onnxplain.cli.stopping import was_asked
from onnxplain.cli.verbosity import Command, note
from onnxplain.errors import UsageError
from onnxplain.serve import needed
from onnxplain.serve.limits import Limits

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

    from onnxplain.serve.sources import RemoteSource, Source

MOUNTED = "/mnt/models"
"""Where KServe mounts a model."""

_BOUNDS = {
    "request_bytes": "Bytes of the body of a request.",
    "body_seconds": "Seconds for sending it.",
    "seconds": "Seconds in which a request is answered.",
    "rows": "Rows that one request may have explained.",
    "steps": "Samples, steps and other counts that a request may ask of a method.",
    "pixels": "Pixels of a picture.",
    "waiting": "Requests that wait for their answers; one more is refused.",
    "explainers": "Explainers that are kept planned.",
    "batch_rows": "Rows of several requests that are explained together.",
    "batch_wait": "Seconds for which a row waits for others.",
    "at_once": "Such batches that are computed at the same time.",
}
_NAMED = {
    "preprocess": ("NAME|FILE", "imagenet, tf, raw, or a JSON file (HuggingFace and timm too)."),
    "labels": ("PATH", "Text file with one label a line."),
    "features": ("PATH", "Text file with one column name a line, for tables."),
    "vocabulary": ("PATH", "Words of token ids: a text file, or a tokenizer.json."),
}
"""The options that say what a model is; of several models, each has its own."""
_PORT = click.IntRange(0, 65535)
_ALONE = ("input", "output", "fixed", "window", "bits", "frame", "rate", "resample", "channel")
"""Further such options, which a command with several models does not take."""


def _bounded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each limit of the service."""
    for each in reversed(fields(Limits)):
        if each.name in _BOUNDS:
            flag, kind = f"--{each.name.replace('_', '-')}", type(each.default)
            command = click.option(flag, type=kind, default=each.default, show_default=True, help=_BOUNDS[each.name])(
                command
            )
    return command


def _named(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, (kind, text) in reversed(_NAMED.items()):
        command = click.option(f"--{name}", multiple=True, metavar=kind, help=text)(command)
    return command


@click.command(cls=Command, context_settings={"token_normalize_func": lambda name: name.replace("_", "-")})
@click.argument("models", nargs=-1, metavar="[[NAME=]MODEL]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen at.")
@click.option("--port", type=_PORT, default=8080, show_default=True, help="Port to listen at; 0 for any that is free.")
@click.option("--token-file", type=click.Path(), help="File with one token a line; requests need one of them.")
@click.option("--no-token", is_flag=True, help="Let everyone ask who reaches the port from other machines.")
@click.option("--allow-host", multiple=True, help="A name under which requests may come; repeatable, * for any.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Processes, each with models of its own.",
)
@click.option("--samples", type=click.Path(), help="Folder of small inputs that the page offers to who has none.")
@click.option("--method", "methods", multiple=True, help="A method that may be asked for; repeatable; default: all.")
@_bounded
@_named
@predictor_options
@running_options
@file_options
@click.option("--http_port", type=_PORT, hidden=True)
@click.option("--model_name", hidden=True)
def serve(models: tuple[str, ...], host: str, port: int, http_port: int | None, workers: int, **options: Any) -> None:
    """Explain MODELs over HTTP: KServe's protocols, files, and a page for people.

    MODEL is a file, or a folder with one model in it; preprocess.json, labels.txt, features.txt and tokenizer.json
    beside it there are used too. Of several models, an option that says what one is names it: --labels
    digits=labels.txt. After SIGTERM or Ctrl-C, what was accepted is answered; a second one ends it at once.

    As a container of KServe's it takes --model_name and --http_port, and the model that is mounted at /mnt/models.
    Without a file, it takes the model that the server at --predictor_host runs, and explains it by what it answers.
    """
    with needed():
        from onnxplain.serve.launch import Launch, logged
        from onnxplain.serve.process import bound, url_of
        from onnxplain.serve.workers import Workers
    limits = Limits(methods=options.pop("methods") or None, **{name: options.pop(name) for name in _BOUNDS})
    # what is computed at once has cores of its own, but for one batch that waits for those of another
    shared = max(1, (os.cpu_count() or 1) // (workers * max(1, limits.at_once - 1)))
    with bound(host, port if http_port is None else http_port) as listener:
        asked = _guards(listener, options.pop("no_token"), options.pop("token_file"), options.pop("allow_host"))
        asked |= {"samples": samples} if (samples := options.pop("samples")) else {}
        sources = _sources(models, options.pop("model_name"), options, shared)
        said = f"onnxplain: serving {', '.join(sources)} at {url_of(listener)}"
        level = logging.getLogger("onnxplain").level
        launch = Launch(sources, limits, asked, level)
        with logged(level):
            begin = partial(launch, listener) if workers == 1 else Workers(launch, listener, workers).run
            begin(partial(_ready, said))


def _ready(said: str) -> None:
    """Say that the service is ready; or end it, where SIGTERM came while it began and its exception was lost."""
    if was_asked():
        signal.raise_signal(signal.SIGTERM)
    else:
        note(said)


def _guards(listener: socket.socket, no_token: bool, file: str | None, hosts: tuple[str, ...]) -> dict[str, Any]:
    """Return what says who may ask. Raises UsageError where everyone could who reaches this machine."""
    from onnxplain.serve.hosts import ANY
    from onnxplain.serve.process import is_loopback
    from onnxplain.serve.tokens import Tokens

    # what listens beyond the loopback is asked by names that nobody knows here, also by a proxy on this machine
    guards: dict[str, Any] = {"hosts": hosts or (None if is_loopback(listener) else (ANY,))}
    if file is not None:
        guards["tokens"] = Tokens.read(file)
        if Path(file).stat().st_mode & 0o004:
            note(f"onnxplain: warning: every user of this machine can read {file}; chmod 600 {file}")
    elif not no_token and not is_loopback(listener):
        raise UsageError(
            f"--host: everyone who reaches {listener.getsockname()[0]} could ask; --token-file FILE has the tokens of "
            "those who may, and --no-token lets all ask"
        )
    return guards


def _sources(
    given: tuple[str, ...], named: str | None, options: dict[str, Any], threads: int
) -> Mapping[str, Source | RemoteSource]:
    """Return the models by name, whose operators take so many threads unless an option says how many.

    Raises UsageError where there are none, or two of one name.
    """
    from onnxplain.serve.sources import Source, name_of

    predictor = of_predictor(options)
    if not given and not _mounted() and predictor["host"] is not None:
        name = named or "model"
        said = {option: _by_model(option, options.pop(option), [name]).get(name) for option in _NAMED}
        return {name: remote_source(name, predictor, {**options, **said})}
    if not given and not _mounted():
        raise UsageError(f"name a model to serve, such as model.onnx; there is none at {MOUNTED} either")
    pairs = [_pair(each) for each in given or (f"{named or 'model'}={MOUNTED}",)]
    if named is not None and len(pairs) > 1:
        raise UsageError(f"--model_name {named}: there are {len(pairs)} models; name each, as NAME=MODEL")
    paths = {(named or name or name_of(path)): path for name, path in pairs}
    if len(paths) < len(pairs):
        raise UsageError("two models have one name; give them names, as NAME=MODEL")
    _check_alone(len(paths))
    own = {name: _by_model(name, options.pop(name), list(paths)) for name in _NAMED}
    options["threads"] = options["threads"] or threads
    found = {}
    for name, path in paths.items():
        mine = {option: values.get(name) for option, values in own.items()}
        found[name] = Source.of(path, loading({**options, **mine}))
        if found[name].found:
            note(f"onnxplain: {name}: {found[name].describe()}")
    return found


def _mounted() -> bool:
    """Whether there is anything where KServe mounts a model; an image may have an empty folder there."""
    return Path(MOUNTED).is_dir() and any(Path(MOUNTED).iterdir())


def _pair(given: str) -> tuple[str, str]:
    """Return the name, empty where there is none, and the path of NAME=MODEL."""
    name, equals, path = given.partition("=")
    return (name, path) if equals and not Path(given).exists() else ("", given)


def _check_alone(models: int) -> None:
    """Raise UsageError for an option that says what a model is, but not of which of several."""
    source = click.get_current_context().get_parameter_source
    for name in _ALONE:
        if models > 1 and source(name) == ParameterSource.COMMANDLINE:
            raise UsageError(f"--{name}: there are several models; serve this one by a command of its own")


def _by_model(option: str, values: tuple[str, ...], names: list[str]) -> Mapping[str, str]:
    """Return the values of an option by the model that they belong to."""
    found: dict[str, str] = {}
    for value in values:
        name, equals, rest = value.partition("=")
        named = equals and name in names
        if not named and len(names) > 1:
            raise UsageError(f"--{option} {value}: of which model? Expected NAME=VALUE, such as {names[0]}={value}")
        key, text = (name, rest) if named else (names[0], value)
        if key in found:
            raise UsageError(f"--{option}: given twice for {key!r}")
        found[key] = text
    return found
