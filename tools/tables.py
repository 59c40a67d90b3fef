"""Write the tables of README.md and of docs/ from the code, its measured facts and the last benchmark.

A page holds a table between `<!-- name -->` and `<!-- /name -->`: methods, parameters, operators, commands or speed.
`--check` writes nothing and fails where a page is stale. A method whose facts were not measured yet gets empty cells,
and a message on stderr says which command measures them.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from copy import copy
from itertools import groupby
from pathlib import Path

import click

from onnxplain.cli import COMMANDS, main
from onnxplain.method.parameters import NONE, Parameter, described
from onnxplain.method.registry import METHODS
from onnxplain.ops import supported
from onnxplain.ops.left_out import LEFT_OUT

ROOT = Path(__file__).resolve().parents[1]
FACTS = Path(__file__).resolve().parent / "facts.json"
MANY = 4
"""An option that so many commands take is described once."""
BENCH = Path(__file__).resolve().parent / "bench" / "cpu.json"


def methods() -> str:
    """Return the table with one row a method: what it computes, its parameters and baseline, its cost, what it kept."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    missing = [name for name in METHODS if not {"alike", "elsewhere"} & facts.get(name, {}).keys()]
    if missing:
        print(f"no measured facts: run `python tools/facts.py {' '.join(missing)}`", file=sys.stderr)
    rows = ["| method | what it computes | parameters | baseline | cost | kept |", "|---|---|---|---|---|---|"]
    for method in METHODS.values():
        needs, offered = "yes" if method.baseline else "", " ".join(f"`{name}`" for name in method.parameters)
        cost, kept = ("", "") if method.name in missing else _measured(facts[method.name])
        rows.append(f"| `{method.name}` | {method.summary} | {offered} | {needs} | {cost} | {kept} |")
    return "\n".join(rows)


def _measured(fact: dict[str, float]) -> tuple[str, str]:
    """Return the cells of a method's cost and of how much of its map was kept."""
    if "elsewhere" in fact:  # the digits of the facts are explained by a network, and the method is for other models
        return "", ""
    cost = " + ".join(f"{fact[what]} {sign}" for what, sign in (("forwards", "F"), ("walks", "W")) if fact[what])
    return cost, f"{fact['alike']:.2f}"


def parameters() -> str:
    """Return a table of the parameters of each method that has some, with their meaning, range and default."""
    parts = []
    for method in METHODS.values():
        known = described(method)
        if known:
            rows = ["| parameter | default | what it is | range |", "|---|---|---|---|"]
            rows += [
                f"| `{name}` | {_default(each)} | {each.meaning} | {_range(each)} |" for name, each in known.items()
            ]
            parts.append("\n".join([f"### {method.name}", "", method.summary, "", *rows]))
    return "\n\n".join(parts)


def _default(parameter: Parameter) -> str:
    return "to be given" if parameter.required else f"`{parameter.default!r}`"


def _range(parameter: Parameter) -> str:
    return parameter.range + ("" if parameter.unit == NONE else f"; unit: {parameter.unit}")


def operators() -> str:
    """Return the table with one row a family, and the table of what is left out and why."""
    rows = ["| family | operators |", "|---|---|"]
    for family, ops in groupby(supported(), key=lambda row: row[1]):
        rows.append(f"| {family} | {' '.join(name for name, *_ in ops)} |")
    rows += ["", "Without facts:", "", "| operators | reason |", "|---|---|"]
    for reason, names in groupby(LEFT_OUT, key=LEFT_OUT.__getitem__):
        rows.append(f"| {' '.join(names)} | {reason} |")
    return "\n".join(rows)


def speed() -> str:
    """Return the table with one row a network and method at batch 1, as the last benchmark of the default engine."""
    found = json.loads(BENCH.read_text(encoding="utf-8"))
    rows = ["| network | method | over one plain forward run | over the peer |", "|---|---|---|---|"]
    for each in found["rows"]:
        if each["batch"] == 1 and each["engine"] == "onnxruntime":
            peer = f"{each['over peer']:.2f} of {each['peer'].partition(':')[0]}" if each["peer"] else ""
            rows.append(f"| {each['network']} | {each['method']} | {each['over forward']:.1f} | {peer} |")
    about = found["about"]
    measured = ", ".join(
        f"{name} {about[name]}" for name in ("onnxruntime", "torch", "zennit", "captum") if name in about
    )
    return "\n".join([*rows, "", f"Measured on {about['processor']}, with {measured}."])


def commands() -> str:
    """Return the help of each command, as the command line prints it, but for the options of many: they stand first."""
    context = click.Context(main, info_name="onnxplain", max_content_width=100)
    found = {name: command for name in COMMANDS if (command := main.get_command(context, name)) is not None}
    uses = Counter(_option(each) for command in found.values() for each in command.params)
    shared = {
        option: each for c in found.values() for each in c.params if (option := _option(each)) and uses[option] >= MANY
    }
    text = _help(context, "", click.Command("", params=list(shared.values()), add_help_option=False))
    options = text.partition("Options:\n")[2]
    parts = [
        f"## Options of most commands\n\nWhere a command takes these, it means the same.\n\n```text\n{options}\n```\n"
    ]
    for name, command in found.items():
        of_many = [each.opts[0] for each in command.params if _option(each) in shared]
        own = copy(command)
        own.params = [each for each in command.params if _option(each) not in shared]
        also = f"\nAnd of the options above: {', '.join(f'`{each}`' for each in of_many)}.\n" if of_many else ""
        parts.append(f"## onnxplain {name}\n\n{COMMANDS[name]}.\n\n```text\n{_help(context, name, own)}\n```\n{also}")
    return "\n".join(parts)


def _option(each: click.Parameter) -> tuple[str, ...]:
    """Return what tells an option from others, its names and its help; nothing for an argument."""
    return (*each.opts, each.help or "") if isinstance(each, click.Option) else ()


def _help(context: click.Context, name: str, command: click.Command) -> str:
    return command.get_help(click.Context(command, context, name, terminal_width=100, max_content_width=100))


TABLES = {"methods": methods, "parameters": parameters, "operators": operators, "commands": commands, "speed": speed}


def render(text: str) -> str:
    """Return the text of a page with fresh tables."""
    for name, table in TABLES.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        if mark:
            text = f"{before}{mark}{table()}\n<!-- /{name} -->{rest.partition(f'<!-- /{name} -->')[2]}"
    return text


def write() -> None:
    """Write the tables of all pages, or check them."""
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = page.read_text(encoding="utf-8")
        fresh = render(text)
        if fresh == text:
            continue
        if "--check" in sys.argv:
            sys.exit(f"{page.relative_to(ROOT)}: its tables are stale: run tools/tables.py")
        page.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    write()
