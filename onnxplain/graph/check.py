"""Checks of a model that was read, before native code sees it: what onnxruntime would refuse is refused here by name.

The libraries behind this package are partly written in C++, and were written for files that exporters make. A file that
breaks the rules of ONNX can crash them, and with them the process. So the rules are checked first: every name is made
once and read where it is known, and every node has the inputs, outputs and attributes of its operator.

What onnxruntime accepts is accepted, although the rules forbid it: nodes in any order, initialisers that are listed as
inputs too, domains that are not imported, sizes of 0 and -1, and types of inner values that are not right.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

import onnx
from onnx import AttributeProto, checker, defs

from onnxplain import limits
from onnxplain.errors import BadInputError
from onnxplain.graph.crashing import crashes
from onnxplain.graph.versions import OPSET
from onnxplain.graph.versions.early import EARLY
from onnxplain.graph.versions.gone import DROPPED, GONE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

_LAST = 2**31 - 1
"""The largest version that native code takes."""
_STANDIN = "a subgraph"
_FLAGS = (
    *("keepdims", "ceil_mode", "count_include_pad", "transA", "transB", "exclusive", "reverse"),
    *("noop_with_empty_axes", "select_last_index", "allowzero", "saturate", "fmod", "is_causal"),
    *("exclude_outside", "antialias", "sorted", "largest", "training_mode", "align_corners", "upper"),
    *("linear_before_reset", "input_forget", "onesided", "inverse", "interleaved"),
)
"""Attributes that are 0 or 1. What another number means is not said, and runtimes read it differently."""
_WIDEST = dict.fromkeys(("kernel_shape", "strides", "dilations", "pads", "output_padding"), 2**24) | {"size": 2**16}
"""The largest numbers in attributes that some runtimes count up to, however small the input is; LRN has `size`."""
_DEEPEST = 30
"""How many subgraphs may lie within one another; the deepest real ones have 3."""


def check_model(model: onnx.ModelProto, name: str) -> None:
    """Raise BadInputError, which names the node or value, for a model that breaks a rule of ONNX.

    name: what messages call the model.
    """
    try:
        _check_size(model)
        _check_texts(model)
        for graph_input in model.graph.input:
            _check_type(graph_input)
        _check_functions(model)
        _check_graph(model.graph, _versions(model.opset_import), {_key(f) for f in model.functions}, set(), 0)
    except _BrokenRuleError as problem:
        raise BadInputError(f"{name} is no valid ONNX model: {problem}") from None


def _check_texts(model: onnx.ModelProto) -> None:
    """Check that names are texts: where the bytes of one are no UTF-8, protobuf gives these bytes."""
    graph = model.graph
    values = (each.name for each in (*graph.input, *graph.output, *graph.value_info, *graph.initializer))
    nodes = nodes_of([*graph.node, *(node for function in model.functions for node in function.node)])
    of_nodes = (
        text
        for node in nodes
        for text in (node.name, node.op_type, node.domain, *node.input, *node.output, *(a.name for a in node.attribute))
    )
    domains = (each.domain for each in model.opset_import)
    bad = next((text for text in chain(domains, values, of_nodes) if not isinstance(text, str)), None)
    if bad is not None:
        raise _BrokenRuleError(f"the name {bad!r} is no text in UTF-8")


class _BrokenRuleError(Exception):
    """A rule that a model breaks, in words."""


def nodes_of(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Yield nodes and those of their subgraphs."""
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from nodes_of(graph.node)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs among the attributes of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _key(node: onnx.NodeProto | onnx.FunctionProto) -> tuple[str, str]:
    """Return domain and name of a function, or of the operator or function that a node calls."""
    named = node.name if isinstance(node, onnx.FunctionProto) else node.op_type
    return "" if node.domain == "ai.onnx" else node.domain, named


def _check_size(model: onnx.ModelProto) -> None:
    """Refuse more nodes than the limit, and functions that call themselves."""
    functions = {_key(each): each for each in model.functions}
    sizes: dict[tuple[str, str], int] = {}
    for key in functions:
        _size_of(key, functions, sizes, ())
    calls = Counter(map(_key, nodes_of(model.graph.node)))
    total = sum(count * sizes.get(key, 1) for key, count in calls.items())
    limits.check("nodes", total, f"the model has {total} nodes")


def _size_of(
    key: tuple[str, str],
    functions: Mapping[tuple[str, str], onnx.FunctionProto],
    sizes: dict[tuple[str, str], int],
    callers: tuple[tuple[str, str], ...],
) -> int:
    """Return how many nodes a call of a function makes, or 1 for an operator; sizes: those that are known already."""
    if key not in functions:
        return 1
    if key in callers:
        raise _BrokenRuleError(f"the function {key[1]!r} calls itself")
    if len(callers) > _DEEPEST:
        raise _BrokenRuleError(f"more than {_DEEPEST} functions call one another, up to {key[1]!r}")
    if key not in sizes:
        inner = nodes_of(functions[key].node)
        sizes[key] = sum(_size_of(_key(node), functions, sizes, (*callers, key)) for node in inner)
    return sizes[key]


def _check_type(value: onnx.ValueInfoProto) -> None:
    kind = value.type.WhichOneof("value")
    if kind is None:
        raise _BrokenRuleError(f"the input {value.name!r} states no type")
    number = value.type.tensor_type.elem_type
    if kind == "tensor_type" and (number == 0 or number not in onnx.TensorProto.DataType.values()):
        raise _BrokenRuleError(f"the input {value.name!r} has the type number {number}, which ONNX does not know")


def _versions(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """Return the version of each domain. Some exporters forget to import one."""
    found = {"" if each.domain == "ai.onnx" else each.domain: int(each.version) for each in imports}
    for domain, version in found.items():
        if version > _LAST:
            raise _BrokenRuleError(f"it imports version {version} of the operators of {domain or 'ONNX'!r}")
    if found.get("", 1) < 1:
        raise _BrokenRuleError(f"it imports version {found['']} of ONNX's operators; the first one is 1")
    return found


def _check_functions(model: onnx.ModelProto) -> None:
    known = {_key(each) for each in model.functions}
    for function in model.functions:
        versions = _versions(function.opset_import)
        _check_names(function.node, function.input, function.output, set(), f"the function {function.name!r}")
        for node in function.node:
            _check_node(node, versions, known)


def _check_graph(
    graph: onnx.GraphProto,
    versions: Mapping[str, int],
    functions: Collection[tuple[str, str]],
    outer: Collection[str],
    depth: int,
) -> None:
    """Check a graph and its subgraphs. outer: the values that the graphs around it have. depth: how many these are."""
    if depth > _DEEPEST:
        raise _BrokenRuleError(f"more than {_DEEPEST} subgraphs lie within one another")
    if graph.sparse_initializer:
        raise _BrokenRuleError("it holds sparse initialisers, which are not read; export it with dense ones")
    weights = [each.name for each in graph.initializer]
    inputs = [each.name for each in graph.input]
    what = f"the subgraph {graph.name!r}" if depth else "the graph"
    if doubled := [name for name, count in Counter(inputs).items() if count > 1]:
        raise _BrokenRuleError(f"{what} lists the input {doubled[0]!r} twice")
    given = dict.fromkeys([*weights, *inputs])
    known = _check_names(graph.node, given, [each.name for each in graph.output], outer, what)
    for node in graph.node:
        _check_node(node, versions, functions)
        for inner in subgraphs(node):
            _check_graph(inner, versions, functions, known, depth + 1)


def _check_names(
    nodes: Iterable[onnx.NodeProto], given: Iterable[str], results: Iterable[str], outer: Collection[str], what: str
) -> set[str]:
    """Check that each value is made once and that what is read is made; return all values that are known here."""
    makers: dict[str, onnx.NodeProto | None] = dict.fromkeys(given)
    for node in nodes:
        for value in filter(None, node.output):
            if value in makers:
                first = (
                    "an input or an initialiser" if (other := makers[value]) is None else f"a result of {_said(other)}"
                )
                raise _BrokenRuleError(f"two things are called {value!r}: {first} and a result of {_said(node)}")
            makers[value] = node
    known = {*makers, *outer}
    for node in nodes:
        for value in filter(None, node.input):
            if value not in known:
                raise _BrokenRuleError(f"{_said(node)} reads {value!r}, which nothing makes")
    for value in results:
        if value not in known:
            raise _BrokenRuleError(f"nothing makes {value!r}, an output of {what}")
    return known


def _check_node(node: onnx.NodeProto, versions: Mapping[str, int], functions: Collection[tuple[str, str]]) -> None:
    """Check number of inputs and outputs and the attributes of a node by the schema of its operator.

    A call of a function, and an operator without a schema, are left to those who know them.
    """
    domain, op = _key(node)
    gone = domain == "" and op in GONE and versions.get("", DROPPED) < DROPPED
    if (domain, op) in functions or gone or not defs.has(op, domain):
        return
    context = checker.C.CheckerContext()
    context.ir_version = onnx.IR_VERSION
    context.opset_imports = {**versions, domain: _version(domain, op, versions)}
    alone = onnx.NodeProto(op_type=op, domain=domain, input=node.input, output=node.output)
    alone.attribute.extend(map(_without_content, node.attribute))
    try:
        checker.check_node(alone, context)
    except checker.ValidationError as problem:
        why = str(problem).splitlines()[0].removeprefix("Node ()'s ")
        raise _BrokenRuleError(f"{_said(node)} does not fit its operator: {why}") from None
    for each in node.attribute:
        widest = max(map(abs, (*each.ints, each.i)), default=0)
        if widest > _WIDEST.get(each.name, widest):
            raise _BrokenRuleError(f"{_said(node)} has {each.name} of {widest}, which no input has room for")
        if each.name in _FLAGS and each.type == AttributeProto.INT and not each.ref_attr_name and each.i not in (0, 1):
            raise _BrokenRuleError(f"{_said(node)} does not fit its operator: {each.name} is {each.i}, and not 0 or 1")
    if why := crashes(node):
        raise _BrokenRuleError(f"{_said(node)} has {why}")


def _version(domain: str, op: str, versions: Mapping[str, int]) -> int:
    """Return the version by which an operator is checked.

    onnx calls GroupNormalization of opset 18 deprecated; onnxruntime runs it, and its form is that of opset 21. It also
    knows some operators before ONNX does.
    """
    version = versions.get(domain, OPSET if domain == "" else 1)
    if domain == "":
        version = max(version, EARLY.get(op, 0))
    return 21 if (domain, op) == ("", "GroupNormalization") and 18 <= version < 21 else version


def _without_content(attribute: AttributeProto) -> AttributeProto:
    """Return an attribute without what its graphs and tensors hold.

    Graphs read values around them, which `check_node` cannot know, and tensors are checked by themselves.
    """
    kept = AttributeProto()
    for field, value in attribute.ListFields():
        if field.name == "g":
            kept.g.name = _STANDIN
        elif field.name == "graphs":
            kept.graphs.extend([onnx.GraphProto(name=_STANDIN)] * len(value))
        elif field.name == "t":
            kept.t.data_type, kept.t.raw_data = onnx.TensorProto.FLOAT, bytes(4)
        elif field.is_repeated:
            getattr(kept, field.name).extend(value)
        else:
            setattr(kept, field.name, value) if field.message_type is None else getattr(kept, field.name).CopyFrom(
                value
            )
    return kept


def _said(node: onnx.NodeProto) -> str:
    return f"{node.op_type} (node {node.name!r})"
