"""A child: makes or checks files one after another, under limits of memory.

    python child.py make|check FOLDER MEGABYTES NAME...

Says on stdout, a line of JSON each, which file and phase begins and what became of it. The parent holds the clock.
ZOO_TORCHVISION names a Python file that makes torchvision importable where its wheel does not fit torch's; timm and
transformers import it too.
"""

from __future__ import annotations

import json
import os
import re
import resource
import runpy
import sys
import traceback
from pathlib import Path
from time import perf_counter
from typing import Any

from derived import NotYetError
from family import Family, families
from kept import Made


def say(**what: Any) -> None:
    """Write a line for the parent, past whatever a library prints."""
    os.write(CHANNEL, (json.dumps(what) + "\n").encode())


def make(family: Family, name: str, folder: Path) -> dict[str, Any]:
    """Make one file; whatever its framework or exporter raises is the reason why there is none."""
    if missing := family.missing():
        return {"kind": "not installed", "reason": f"without {', '.join(missing)}"}
    if (helper := os.environ.get("ZOO_TORCHVISION")) and "torch" in family.needs and "torchvision" not in sys.modules:
        runpy.run_path(helper)
    start = perf_counter()
    try:
        made, truth = family.make(name, folder)
    except NotYetError as problem:
        return {"kind": "not exported", "reason": str(problem)}
    except Exception as problem:  # noqa: BLE001 - a framework's, of any kind
        message = re.sub(r"\x1b\[[0-9;]*m", "", " ".join(f"{type(problem).__name__}: {problem}".split()))
        message = message.replace(f"{folder}/", "")[:300]
        where = traceback.extract_tb(problem.__traceback__)[-1]
        made, truth = Made(name, problem=f"{message} ({Path(where.filename).name}:{where.lineno})"), None
        made.path(folder).unlink(missing_ok=True)
    made.seconds = round(perf_counter() - start, 1)
    made.write(folder, truth)
    return {"kind": "not exported" if made.problem else "made", "reason": made.problem}


def check(family: Family, name: str, folder: Path) -> dict[str, Any]:
    """Check one made file."""
    from checks import Checks
    from table_checks import TableChecks
    from verdict import verdict

    made = Made.read(folder, name)
    assert made is not None  # noqa: S101 - the parent asks for made files only
    try:
        kind = TableChecks if family.kind == "table" else Checks
        found = kind(made, folder, lambda phase: say(name=name, phase=phase)).run(family.kind)
    except MemoryError:
        return {"kind": "timeout", "reason": "over the limit of memory"}
    except Exception as problem:  # noqa: BLE001 - an exception that is none of the package's own is a fault
        last = traceback.extract_tb(problem.__traceback__)[-1]
        message = " ".join(f"{type(problem).__name__}: {problem}".split())[:300]
        return {"kind": "wrong", "reason": f"raised {message} ({Path(last.filename).name}:{last.lineno})"}
    word, reason = verdict(family.kind, found)
    return {"kind": word, "reason": reason, "measured": found}


def main() -> None:
    """Do what is asked with each of the files."""
    task, folder, megabytes, *names = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(megabytes) << 20, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    known = families()
    for name in names:
        say(name=name, phase="begin")
        family = known[name.split("/")[0]]
        say(name=name, **{"make": make, "check": check}[task](family, name, Path(folder)))


if __name__ == "__main__":
    CHANNEL = os.dup(1)  # libraries may print whatever they like
    os.dup2(2, 1)
    main()
