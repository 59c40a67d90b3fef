"""Attributes: missing, of another value or type, an unknown word, one too many, one twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import AttributeProto, defs, helper

from changes import NUMBERS, REALS, STRANGE, kind, pick

if TYPE_CHECKING:
    import numpy as np
    import onnx

WORDS = (
    *(
        "NOTSET",
        "VALID",
        "SAME_UPPER",
        "SAME_LOWER",
        "constant",
        "reflect",
        "edge",
        "wrap",
        "nearest",
        "linear",
        "cubic",
    ),
    *("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_crop_and_resize"),
    *("tf_half_pixel_for_nn", "round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "none", "add", "mul", "max"),
    *(
        "DCR",
        "CRD",
        "tanh",
        "SOFTMAX",
        "LOGISTIC",
        "forward",
        "bidirectional",
        "nonsense",
        "",
        "same_upper",
        "ab,bc->ac",
    ),
)


def _chosen(
    model: onnx.ModelProto, rng: np.random.Generator, of: tuple[int, ...] = ()
) -> tuple[onnx.NodeProto, AttributeProto] | None:
    """Return an attribute with its node; None where no node has one of these types."""
    found = [(node, each) for node in model.graph.node for each in node.attribute if not of or each.type in of]
    return pick(rng, found) if found else None


@kind
def missing(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Drop an attribute."""
    if (found := _chosen(model, rng)) is None:
        return False
    found[0].attribute.remove(found[1])
    return True


@kind
def value(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Change a number of an attribute, a little or to one of the extremes."""
    found = _chosen(model, rng, (AttributeProto.INT, AttributeProto.INTS, AttributeProto.FLOAT, AttributeProto.FLOATS))
    if found is None:
        return False
    each, near = found[1], rng.random() < 0.7
    step = pick(rng, (-2, -1, 1, 2))
    bounds = -(2**63), 2**63 - 1
    if each.type == AttributeProto.INT:
        each.i = min(max(each.i + step, bounds[0]), bounds[1]) if near else pick(rng, NUMBERS)
    elif each.type == AttributeProto.FLOAT:
        each.f = float(each.f * 1.5 + 0.1 * step) if near else pick(rng, REALS)
    elif each.type == AttributeProto.INTS and each.ints:
        i = int(rng.integers(len(each.ints)))
        each.ints[i] = min(max(each.ints[i] + step, bounds[0]), bounds[1]) if near else pick(rng, NUMBERS)
    elif each.floats:
        i = int(rng.integers(len(each.floats)))
        each.floats[i] = float(each.floats[i] * 1.5) if near else pick(rng, REALS)
    return True


@kind
def length(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Make a list of numbers longer, shorter or empty, or turn it round."""
    found = _chosen(model, rng, (AttributeProto.INTS,))
    if found is None:
        return False
    numbers = list(found[1].ints)
    made = pick(rng, ([*numbers, 1], numbers[:-1], [], numbers[::-1], numbers * 2, numbers * 500))
    del found[1].ints[:]
    found[1].ints.extend(made)
    return made != numbers


@kind
def word(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Put another word, known or unknown, in the place of a word."""
    found = _chosen(model, rng, (AttributeProto.STRING,))
    if found is None:
        return False
    found[1].s = pick(rng, (*WORDS, *STRANGE)).encode() if rng.random() < 0.95 else b"\xff\xfe"
    return True


@kind
def retyped(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Give an attribute a value of another type, or a type that its value has not."""
    if (found := _chosen(model, rng)) is None:
        return False
    node, each = found
    if rng.random() < 0.3:
        each.type = int(rng.integers(0, 15))
        return True
    made = helper.make_attribute(each.name, pick(rng, (1, 0.5, "axes", [1, 2], [0.5], ["a", "b"])))
    node.attribute.remove(each)
    node.attribute.append(made)
    return True


@kind
def defined(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Set an attribute that the operator has and the node leaves open."""
    node = pick(rng, model.graph.node)
    try:
        schema = defs.get_schema(node.op_type, node.domain)
    except defs.SchemaError:
        return False
    types = defs.OpSchema.AttrType
    made = {
        types.INT: lambda: pick(rng, (0, 1, 2, -1, *NUMBERS)),
        types.FLOAT: lambda: pick(rng, (0.3, 2.0, *REALS)),
        types.STRING: lambda: pick(rng, WORDS),
        types.INTS: lambda: pick(rng, ([1, 1], [2], [0, 1], [1, 1, 1, 1], [-1], [])),
        types.FLOATS: lambda: pick(rng, ([1.0, 2.0], [])),
    }
    taken = {each.name for each in node.attribute}
    some = [name for name, each in sorted(schema.attributes.items()) if name not in taken and each.type in made]
    if not some:
        return False
    name = pick(rng, some)
    type_ = schema.attributes[name].type
    node.attribute.append(helper.make_attribute(name, made[type_](), attr_type=int(type_.value)))
    return True


@kind
def unknown(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """Add an attribute that no operator has."""
    node = pick(rng, model.graph.node)
    node.attribute.append(helper.make_attribute(pick(rng, ("nonsense", "axes", "consumed_inputs", *STRANGE)), 1))
    return True


@kind
def twice(model: onnx.ModelProto, rng: np.random.Generator) -> bool:
    """State an attribute a second time, with another value."""
    if (found := _chosen(model, rng, (AttributeProto.INT, AttributeProto.FLOAT))) is None:
        return False
    again = AttributeProto()
    again.CopyFrom(found[1])
    again.i += 1 if again.i < 2**62 else -1
    again.f += 1
    found[0].attribute.append(again)
    return True
