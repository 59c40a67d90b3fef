"""The options of commands that draw: the choices of `onnxplain.show.style.Style`, one option for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from onnxplain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

Decorated = TypeVar("Decorated", bound="Callable[..., object]")

_OPTIONS = (
    click.option("--cmap", help="Scale of colours: blue_white_red, inferno, viridis, grey, or one of matplotlib."),
    click.option("--alpha", type=float, help="Largest opacity of the colours over the picture, 0 to 1; default: 0.6."),
    click.option("--sign", help="Which numbers are drawn: all, positive, negative or absolute; default: all."),
    click.option(
        "--vmax",
        metavar="NUMBER|PERCENT",
        help="The |R| of full colour, or a percentile; default: 99%, of tokens 100%.",
    ),
    click.option(
        "--threshold", metavar="NUMBER|PERCENT", help="Below this |R|, or percentile of it, nothing is drawn."
    ),
    click.option("--contours", metavar="LEVELS", help="Parts of the maximum, or none; default: 0.5,0.9."),
    click.option("--background", help="What lies under a map: photo, grey or none; default: photo."),
    click.option("--mask", "masks", multiple=True, metavar="[INPUT=]FILE", help="Outline this mask; repeatable."),
    click.option(
        "--box", "boxes", multiple=True, metavar="[INPUT=]L,T,R,B", help="Outline a box, in pixels; repeatable."
    ),
    click.option(
        "--size", type=int, help="Pixels of a panel's longer side, or a cell's; default: the picture's, 320 to 1280."
    ),
    click.option("--font", type=click.Path(), help="A font file for all text."),
)


def style_options(command: Decorated) -> Decorated:
    """Add the options of how a picture is drawn."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_style(options: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords of a `Style`, of the options that were given; they are taken out of `options`.

    Raises UsageError for a value that cannot be read or that no picture can have.
    """
    from onnxplain.show.style import Style

    given = {name: options.pop(name) for name in ("cmap", "alpha", "sign", "background", "size", "font")}
    for name in ("vmax", "threshold"):
        text = options.pop(name)
        given[name] = text if text is None or text.endswith("%") else _number(text, name)
    levels = options.pop("contours")
    if levels is not None:
        given["contours"] = False if levels == "none" else [_number(each, "contours") for each in levels.split(",")]
    given["masks"] = _by_input(options.pop("masks"), lambda text: text)
    given["boxes"] = _by_input(options.pop("boxes"), lambda text: [_number(each, "box") for each in text.split(",")])
    chosen = {name: value for name, value in given.items() if value is not None}
    Style.of(chosen)
    return chosen


def check_drawn(style: Mapping[str, Any], paths: Iterable[str]) -> None:
    """Raise UsageError where choices of a drawing are given, and none of the files to write is a picture."""
    from onnxplain.show.save import PAGES

    given = [name for name, value in style.items() if value not in ([], {})]
    if given and not any(each.lower().endswith(PAGES) for each in paths):
        raise UsageError(f"--{given[0]}: no picture is drawn; give one, such as -o out.png")


def _number(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--{name} {text}: expected a number") from None


def _by_input(texts: tuple[str, ...], read: Callable[[str], Any]) -> Any:
    """Return annotations: a list for all inputs or, where one names its input, a dict of lists by the input."""
    pairs = [text.rpartition("=") for text in texts]
    if not any(name for name, _, _ in pairs):
        return [read(value) for _, _, value in pairs]
    found: dict[str, list[Any]] = {}
    for (name, _, value), text in zip(pairs, texts, strict=True):
        if not name:
            raise UsageError(f"{text}: give the input of each annotation, as in cat.jpg={text}, or of none")
        found.setdefault(name, []).append(read(value))
    return found
