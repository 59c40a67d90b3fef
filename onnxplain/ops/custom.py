"""Operators of the user's own: facts about a custom domain, stated at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.ops import _OPS, NEEDED, STANDARD, Family, Op, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SHORT = {"adjoint": "adjoint0"}
"""What an AFFINE op's only adjoint may be called."""

ROLES = ("operands", "weight", "bias", "mixes", "rectifier", "runtime", "limits")


def register_op(
    name: str,
    domain: str,
    family: Family | str,
    *,
    inputs: Sequence[str] = (),
    defaults: Mapping[str, Any] | None = None,
    **facts: Any,
) -> None:
    """State the facts of an operator, so that models which use it can be walked backward.

    The operator itself has to run in onnxruntime. For `com.microsoft::QuickGelu`, y = x sigmoid(alpha x), they are:

        >>> import onnxplain as ox
        >>> ox.register_op("QuickGelu", "com.microsoft", "ELEMENTWISE", inputs=["X"], defaults={"alpha": 1.702},
        ...     slope=lambda xp, x, y, alpha: xp.sigmoid(alpha * x) * (1 + alpha * (x - y)))

    family: what kind of function it is; the module `onnxplain.ops` lists the families with the facts of each.
    inputs: names of the inputs in order, by which a fact may ask for one. defaults: of attributes that may be left out.
    facts: the family's functions by name (`slope`, `apply` and `adjoint`, ...), and what else is known of the operator
    under the names of the fields of `onnxplain.ops.Op`, such as `weight=1` or `rectifier=True`.

    An operator that is registered again gets the new facts. Raises UsageError for an unknown family, a missing fact,
    and one of ONNX's own operators, whose facts stand in `onnxplain.ops`.
    """
    kind = _family(name, domain, family)
    roles = {role: facts.pop(role) for role in ROLES if role in facts}
    if kind in (Family.BILINEAR, Family.SUM):
        roles.setdefault("operands", (0, 1))
    stated = _checked(f"{domain}::{name}", kind, facts)
    registry()  # the package's own facts come first
    _OPS[domain, name] = Op(
        name, kind, domain=domain, inputs=tuple(inputs), defaults=dict(defaults or {}), facts=stated, **roles
    )


def _family(name: str, domain: str, family: Family | str) -> Family:
    if str(family) not in Family.__members__:
        raise UsageError(f"family {family!r} of operator {name!r}: expected one of {', '.join(Family)}")
    if domain in (STANDARD, "ai.onnx"):
        raise UsageError(
            f"operator {name!r}: the domain {domain!r} is ONNX's own; name the domain of the custom operator"
        )
    return Family(str(family))


def _checked(name: str, family: Family, facts: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the facts under the names that the walk asks for. Raises UsageError where they are not the family's."""
    known = {SHORT.get(fact, fact) if family is Family.AFFINE else fact: given for fact, given in facts.items()}
    missing = [fact for fact in NEEDED[family] if fact not in known]
    if missing:
        raise UsageError(
            f"operator {name}: {family} needs the facts {', '.join(NEEDED[family])}; {missing[0]} is missing"
        )
    for fact, given in known.items():
        if not callable(given):
            raise UsageError(f"operator {name}: {fact}={given!r}: expected a function of the arguments that it names")
    return known
