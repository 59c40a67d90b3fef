"""From measurements to a verdict, by rule."""

from __future__ import annotations

from typing import Any

VERDICTS = ("exact", "refused", "inexact", "wrong", "not exported", "not installed", "timeout")
"""What may become of a file.

exact: all that is known of it is met. refused: onnxplain says that it does not explain it, by an error of its own.
inexact: further from the truth than allowed, for a reason that a rule finds. wrong: for none.
not exported: the framework or its exporter failed, and there is no file. not installed: its libraries are missing.
timeout: over the limits of time or memory.
"""
DOUBLE, SINGLE, CORRELATION = 1e-6, 1e-4, 0.98
"""What is allowed: gradients in double and in float32, and how the gradient of a quantised file correlates."""
BALANCE = 1e-4
"""What may be missing of what adds up, as a share."""
AS_MUCH = 10.0
"""A gradient in float32 is ill-conditioned where the framework's own is off by at least a tenth as much.

It is off by whatever a unit weighs that changes sides at its kink, and which unit that is differs between two runtimes.
"""
AS_FAR = 5.0
"""Or where the exact gradient moves at least a fifth as far within the rounding of float32, see `near.moves`.

Only a few inputs are tried, and the units that change sides there weigh less than others do: within the rounding of
Keras's MobileNetV3Large its gradient moves by 0.018, 0.032 or 0.068 of its largest value, by which of them it is.
"""
MUCH = 1e-2
"""A gradient that is off by more than this, without a reason, is wrong."""
ROUNDING = 2e-7
"""The least that scores in float32 may be off by, as a share of the largest."""


def verdict(kind: str, found: dict[str, Any]) -> tuple[str, str]:
    """Return what became of a file of this kind of family, and why."""
    if found["refused"]:
        what, why = next(iter(found["refused"].items()))
        return "refused", why if what in ("load", "gradient") else f"{what}: {why}"
    problems = [each for each in _problems(kind, found) if each]
    for name in ("wrong", "inexact"):
        if reasons := [reason for each, reason in problems if each == name]:
            return name, "; ".join(reasons)
    return "exact", "; ".join(reason for _, reason in problems)


def _problems(kind: str, found: dict[str, Any]) -> list[tuple[str, str] | None]:
    """Return (verdict, reason) of all that is not as it should be, and notes on what is exact all the same."""
    if "shape" in found:
        return [("wrong", f"attribution of shape {found['shape']}")]
    checks = [_parity(found), _double(found), _single(found), _deeplift(found), _book(found), _alone(found)]
    return [*checks, _correlation(kind, found), _shapley(found)]


def _parity(found: dict[str, Any]) -> tuple[str, str] | None:
    if found.get("parity", 0.0) is None:
        return "inexact", "nothing proves its scores"
    return None


def _double(found: dict[str, Any]) -> tuple[str, str] | None:
    error = found.get("gradient64", 0.0)
    if error < DOUBLE:
        return None
    drift = found.get("scores64", 0.0)
    slope = found.get("slope64")
    if drift > 1e-10 and slope is not None and slope < DOUBLE:
        said = f"the exporter rounded: scores differ by {drift:.1e} in double; the gradient is that of the file"
        return "exact", f"{said}, to {slope:.1e} by differences, and {error:.1e} off the network's"
    if drift > 1e-10 and error < AS_MUCH * max(found["ill"], 1e3 * drift):
        return "inexact", f"gradient {error:.1e} off in double; the exporter rounded: scores differ by {drift:.1e}"
    return ("wrong" if error > MUCH else "inexact"), f"gradient {error:.1e} off in double"


def _single(found: dict[str, Any]) -> tuple[str, str] | None:
    error = found.get("gradient", 0.0)
    if error < SINGLE:
        return None
    if "gradient64" in found and error < AS_MUCH * found["ill"]:
        return "exact", f"ill-conditioned: float32 is {error:.1e} off here, {found['ill']:.1e} in the framework"
    if _moves_as_far(error, found):
        said = f"ill-conditioned: float32 is {error:.1e} off here, within whose rounding the exact gradient"
        return "exact", f"{said} moves by {found['moves64']:.1e}"
    return ("wrong" if error > MUCH else "inexact"), f"gradient {error:.1e} off in float32"


def _moves_as_far(error: float, found: dict[str, Any]) -> bool:
    """Whether float32 cannot know its gradient any better: it is exact in double, and moves as far within rounding."""
    return found.get("gradient64", 1.0) < DOUBLE and error < AS_FAR * found.get("moves64", 0.0)


def _deeplift(found: dict[str, Any]) -> tuple[str, str] | None:
    error = found.get("deeplift", 0.0)
    if error < BALANCE:
        return None
    gap, rounding = found["deeplift_gap"], max(found.get("scores", 0.0), ROUNDING)
    if gap < AS_MUCH * rounding:
        return "exact", f"DeepLIFT: f(x) is close to f(x0); the gap, {gap:.1e} of the scores, is their own rounding"
    return ("wrong" if error > MUCH else "inexact"), f"DeepLIFT {error:.1e} off{_in_double(found, 'deeplift')}"


def _book(found: dict[str, Any]) -> tuple[str, str] | None:
    error = found.get("book", 0.0)
    return None if error < BALANCE else ("inexact", f"a gap of {error:.1e} in the book{_in_double(found, 'book')}")


def _in_double(found: dict[str, Any], name: str) -> str:
    """Return what is left of a gap in double precision, where that was measured."""
    value = found.get(f"{name}64")
    return "" if value is None else f", {value:.1e} in double"


def _alone(found: dict[str, Any]) -> tuple[str, str] | None:
    error = found.get("alone", 0.0)
    if error < max(SINGLE, AS_MUCH * found["ill"]) or _moves_as_far(error, found):
        return None
    return ("wrong" if error > MUCH else "inexact"), f"a row alone differs by {error:.1e} from the row in a batch"


def _correlation(kind: str, found: dict[str, Any]) -> tuple[str, str] | None:
    value = found.get("correlation", 1.0)
    if value >= CORRELATION:
        return None
    how = "quantising" if kind == "quantised" else "rounding"
    changed = f"{how} changed the network: its scores are off by {100 * found.get('scores', 0.0):.2g} %"
    return "inexact", f"{changed}, and the gradient correlates at {value:.2f} with the float twin's"


def _shapley(found: dict[str, Any]) -> tuple[str, str] | None:
    if found.get("unmatched"):
        return "exact", "parity and sums only: the library has no such score in double precision"
    error = found.get("shapley", 0.0)
    if error < SINGLE:
        return None
    return ("wrong" if error > MUCH else "inexact"), f"Shapley values {error:.1e} off"
