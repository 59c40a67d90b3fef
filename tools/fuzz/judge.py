"""Judging one mutant: it is explained, and what comes out is compared with what the untouched file computes."""

from __future__ import annotations

import re
import traceback
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from compared import Compared
from truth import File, UnfedError, feeds

import onnxplain as ox

if TYPE_CHECKING:
    from collections.abc import Callable

    from mutant import Mutant

LRP = ("lrp.epsilon", "lrp.epsilon_plus_flat", "lrp.gamma", "lrp.alpha_beta", "attnlrp", "lrp.z_plus")
PACKAGE = str(Path(ox.__file__).parent)


@dataclass
class Verdict:
    """What became of a mutant.

    kind: right, refused, said, stricter, wrong, leak, memory or unfed; the parent adds crash and hang. where: innermost
    frame in onnxplain, or what is wrong. says: the message. explained: the methods that answered. unchecked: what could
    not be compared, and why. runs: whether onnxruntime runs the file; None where it was not asked.
    """

    kind: str = "refused"
    where: str = ""
    says: str = ""
    explained: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    runs: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it in plain JSON types."""
        return asdict(self)

    def blamed(self, kind: str, where: str, says: str) -> None:
        """Record a fault; the first one stays."""
        if self.kind in ("refused", "right", "said"):
            self.kind, self.where, self.says = kind, where, says


def judge(mutant: Mutant, folder: Path, phase: Callable[[str], None], *, alone: bool = False) -> Verdict:
    """Load and explain a mutant, written to an empty folder, and compare. `phase` is told what is done next.

    alone: onnxruntime does not run the untouched file, since it dies of it.
    """
    path = folder / "model.onnx"
    path.write_bytes(mutant.data)
    verdict = Verdict()
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        file = File(mutant.data, str(folder))
        phase("load")
        engine = ("onnxruntime", "numpy")[mutant.index % 2]
        model = _tried(verdict, lambda: ox.load(path, engine=engine))
        phase("theirs")
        given = _feeds(verdict, file, mutant.rng, alone=alone)
        if model is None or given is None:
            return verdict
        phase("explain")
        found = _explained(verdict, model, given, mutant.index)
        if found:
            phase("compare")
            _compare(verdict, Compared(file, model, given, mutant), found)
    return verdict


def _feeds(verdict: Verdict, file: File, rng: np.random.Generator, *, alone: bool) -> dict[str, Any] | None:
    """Return inputs on which the file runs and gives finite numbers if there are any; None where none can be made."""
    given, state = None, rng.bit_generator.state
    for positive in (False, True):
        rng.bit_generator.state = state
        try:
            made = feeds(file.model, rng, positive=positive)
            given = made if given is None else given
            if alone:
                return given
            outputs = file.outputs(made)
        except Exception as problem:  # noqa: BLE001 - protobuf's, onnxruntime's and our own
            if given is None and verdict.kind == "refused" and not verdict.says:
                verdict.kind, verdict.says = "unfed", str(problem) if isinstance(problem, UnfedError) else "no model"
            verdict.runs = False if verdict.runs is None else verdict.runs
            continue
        verdict.runs = True
        if all(_finite(each) for each in outputs.values()):
            return made
    return given


def _finite(value: Any) -> bool:
    return not isinstance(value, np.ndarray) or value.dtype.kind != "f" or bool(np.isfinite(value).all())


def _tried(verdict: Verdict, call: Callable[[], Any]) -> Any:
    """Return what a call of onnxplain returns; None where it raises, which the verdict then says."""
    try:
        return call()
    except ox.errors.OnnxplainError as problem:
        verdict.says = verdict.says or f"{type(problem).__name__}: {_normal(str(problem))}"
        if not verdict.where:
            verdict.where = f"{type(problem).__name__} {_frame(problem)}"
    except MemoryError as problem:
        verdict.blamed("memory", f"MemoryError {_frame(problem)}", _normal(str(problem)))
    except Exception as problem:  # noqa: BLE001 - that is what is looked for
        if "bad_alloc" in str(problem) or "Failed to allocate memory" in str(problem):
            verdict.blamed("memory", f"{type(problem).__name__} {_frame(problem)}", _normal(str(problem)))
        verdict.blamed("leak", f"{type(problem).__name__} {_frame(problem)}", _normal(str(problem)))
    return None


def _frame(problem: BaseException) -> str:
    """Return the file and function of the innermost frame in onnxplain."""
    frames = [each for each in traceback.extract_tb(problem.__traceback__) if each.filename.startswith(PACKAGE)]
    if not frames:
        return "outside"
    return f"{Path(frames[-1].filename).relative_to(PACKAGE)}:{frames[-1].name}"


def _normal(text: str) -> str:
    """Return a message without what differs from mutant to mutant."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|/tmp/\S+", "'…'", text)
    return re.sub(r"\d+", "#", text)[:300]


def _explained(verdict: Verdict, model: Any, given: dict[str, Any], index: int) -> dict[str, Any]:
    """Return the explanations by the methods that give one."""
    calls: dict[str, dict[str, Any]] = {
        "gradient": {},
        LRP[index // 2 % len(LRP)]: {},
        "deeplift": {},
        "occlusion": {"window": 10**6, "stride": 10**6},
    }
    found = {}
    for method, options in calls.items():
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            e = _tried(verdict, lambda: ox.explain(model, dict(given), method, **options))  # noqa: B023
        if e is not None:
            found[method] = (e, [str(each.message) for each in said])
    verdict.explained = list(found)
    return found


def _compare(verdict: Verdict, compared: Compared, found: dict[str, Any]) -> None:
    """Compare all explanations; the verdict says the first that is not right."""
    if verdict.kind == "refused":
        verdict.kind, verdict.where, verdict.says = "right", "", ""
    if not verdict.runs:  # on its two rows; what is scored row by row may run, and was compared then
        told = all(e.parity and (e.parity.unproven or e.parity.rows) for e, _ in found.values())
        verdict.blamed("stricter" if told else "wrong", f"it does not run; {'' if told else 'not '}said", "")
        return
    for method, (e, said) in found.items():
        try:
            for what, says in compared.faults(method, e, said):
                if what == "unchecked":
                    verdict.unchecked.append(f"{method}: {says}")
                elif what == "said":
                    verdict.blamed("said", f"{method}: does not add up, and says so", says)
                else:
                    verdict.blamed("wrong", f"{method}: {what}", says)
        except Exception as problem:  # noqa: BLE001 - onnxruntime's, where it does not run what is asked for beside
            verdict.unchecked.append(f"{method}: {type(problem).__name__} in {_last(problem)}: {_normal(str(problem))}")


def _last(problem: BaseException) -> str:
    """Return the function and line of this tool in which something was raised."""
    frame = traceback.extract_tb(problem.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"
