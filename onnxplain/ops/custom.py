"""The user's own operators: facts about an operator of a custom domain, stated at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.ops import _OPS, NEEDED, STANDARD, Family, Op, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SHORT = {"adjoint": "adjoint0"}
"""Short names of facts: the only adjoint of an AFFINE operator need not be numbered."""

ROLES = ("operands", "weight", "bias", "mixes", "rectifier", "runtime", "limits")
"""Fields of `Op` that `register_op` takes beside the facts."""


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

    family: the kind of function it is; the docstring of `onnxplain.ops` lists the families and the facts of each.
    inputs: names of the inputs in order, so that a fact can take one as a parameter.
    defaults: values of the attributes that a node may leave out.
    facts: the functions of the family by name (`slope`, or `apply` and `adjoint`, ...), and what else is known of the
    operator as fields of `onnxplain.ops.Op`, such as `weight=1` or `rectifier=True`.

    An operator that is registered again gets the new facts. Raises UsageError for an unknown family, a missing fact, or
    the domain of ONNX's own operators, whose facts are in `onnxplain.ops`.
    """
    kind = _family(name, domain, family)
    roles = {role: facts.pop(role) for role in ROLES if role in facts}
    if kind in (Family.BILINEAR, Family.SUM):
        roles.setdefault("operands", (0, 1))
    stated = _checked(f"{domain}::{name}", kind, facts)
    registry()  # imports the package's own facts first, so that they do not overwrite this one
    _OPS[domain, name] = Op(
        name, kind, domain=domain, inputs=tuple(inputs), defaults=dict(defaults or {}), facts=stated, **roles
    )


def _family(name: str, domain: str, family: Family | str) -> Family:
    """Return the family. Raises UsageError where it is unknown, or where `domain` is ONNX's own."""
    if str(family) not in Family.__members__:
        raise UsageError(f"family {family!r} of operator {name!r}: expected one of {', '.join(Family)}")
    if domain in (STANDARD, "ai.onnx"):
        raise UsageError(
            f"operator {name!r}: the domain {domain!r} is ONNX's own; name the domain of the custom operator"
        )
    return Family(str(family))


def _checked(name: str, family: Family, facts: Mapping[str, Any]) -> dict[str, Callable[..., Any]]:
    """Return the facts under the names by which they are called.

    Raises UsageError where a fact of the family is missing, or where one is not a function.
    """
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
