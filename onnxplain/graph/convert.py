"""The nodes of a model, each brought to one opset, with each call of a local function replaced by its nodes.

Functions are put in first: attributes are values there, and no longer references to what the caller states. Values that
a function or a subgraph defines get names that no other value of the model has; those of the main graph keep theirs.

A function imports opsets of its own. ONNX says that its nodes are of these, and onnxruntime takes them for those of the
model. Where that makes a difference to a node, it is refused.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from onnxplain import limits
from onnxplain.errors import BadInputError, UnsupportedModelError
from onnxplain.graph.check import subgraphs
from onnxplain.graph.naming import Names
from onnxplain.graph.order import ordered
from onnxplain.graph.versions import adapt, check_same
from onnxplain.graph.versions.early import OWN
from onnxplain.graph.versions.edit import title

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class Conversion:
    """Converts the nodes of one model.

    target: the opset that the nodes are brought to. domains: the versions of all other domains of operators that the
    nodes use, by name.
    """

    def __init__(self, model: onnx.ModelProto, target: int) -> None:
        self.target = target
        self.domains: dict[str, int] = {}
        self._functions = {_key(each.domain, each.name, each.overload): each for each in model.functions}
        graph = model.graph
        made = (name for node in graph.node for name in node.output)
        self._names = Names([*made, *(each.name for each in (*graph.input, *graph.initializer))])
        self._node_names = Names(node.name for node in graph.node)
        self._opsets = imports(model.opset_import)
        self._problems: dict[str, None] = {}

    def main(self, model: onnx.ModelProto) -> Iterator[NodeProto]:
        """Yield the converted nodes of the main graph.

        Raises `UnsupportedModelError` at the end, with a list, where some node cannot be converted.
        """
        yield from self._nodes(model.graph.node, self._opsets, {})
        if self._problems:
            raise UnsupportedModelError("\n".join(["the model has nodes that cannot be converted:", *self._problems]))

    def _nodes(
        self, nodes: Iterable[NodeProto], opsets: Mapping[str, int], scope: Mapping[str, str]
    ) -> Iterator[NodeProto]:
        """Yield nodes converted and renamed.

        opsets: the version of each domain that the nodes import. scope: new names of values, by the names that the
        nodes know; values that are not in it keep their names.
        """
        for each in ordered(list(nodes)):
            node = NodeProto()
            node.CopyFrom(each)
            node.domain = "" if node.domain == "ai.onnx" else node.domain
            for names in (node.input, node.output):
                names[:] = [scope.get(name, name) for name in names]
            for graph in subgraphs(node):
                self._subgraph(graph, opsets, scope)
            if function := self._functions.get(_key(node.domain, node.op_type, node.overload)):
                _check_named_apart(node)
                yield from self._call(node, function, opsets)
            else:
                yield from self._one(node, opsets)

    def _one(self, node: NodeProto, opsets: Mapping[str, int]) -> Iterator[NodeProto]:
        """Yield a node brought to the target, with what has to stand around it."""
        if node.op_type in OWN and not node.domain:
            node.domain = "com.microsoft"
        if node.domain:
            self._domain(node, opsets.get(node.domain, 1))
            yield node
            return
        opset, outer = (each.get("", self.target) for each in (opsets, self._opsets))
        try:
            check_same(node, opset, outer)
            around = adapt(node, opset, self.target, self._names)
        except UnsupportedModelError as error:
            self._problems[f"  {error}"] = None
            return
        for each in (*around.before, node, *around.after):
            _densify(each)
            yield each

    def _domain(self, node: NodeProto, version: int) -> None:
        """Note the version of a domain. A model has one for all its nodes."""
        if self.domains.setdefault(node.domain, version) != version:
            raise UnsupportedModelError(
                f"{title(node)} wants version {version} of the operators of {node.domain!r}, and other nodes of the "
                f"model want version {self.domains[node.domain]}: a function has to import what the model imports"
            )

    def _subgraph(self, graph: onnx.GraphProto, opsets: Mapping[str, int], scope: Mapping[str, str]) -> None:
        """Convert and rename the nodes of a subgraph in place."""
        own = [*graph.input, *graph.initializer, *(each.values for each in graph.sparse_initializer)]
        defined = dict.fromkeys([*(each.name for each in own), *(name for node in graph.node for name in node.output)])
        defined.pop("", None)
        inner = {**scope, **{name: self._names.fresh(name) for name in defined}}
        nodes = list(self._nodes(graph.node, opsets, inner))
        del graph.node[:], graph.value_info[:]
        graph.node.extend(nodes)
        for each in (*own, *graph.output):
            each.name = inner.get(each.name, each.name)

    def _call(self, call: NodeProto, function: onnx.FunctionProto, opsets: Mapping[str, int]) -> Iterator[NodeProto]:
        """Yield the nodes of a function in the place of a node that calls it."""
        if len(call.input) > len(function.input) or len(call.output) > len(function.output):
            raise BadInputError(f"{title(call)} has more inputs or outputs than the function that it calls")
        scope = dict.fromkeys(function.input, "") | dict(zip(function.input, call.input, strict=False))
        passed = []
        for name, output in zip(function.output, call.output, strict=False):
            if name in scope:
                passed.append((scope[name], output))
            elif output:
                scope[name] = output
        stem = call.name or call.op_type
        for name in (name for node in function.node for name in node.output):
            if name and name not in scope:
                scope[name] = self._names.fresh(f"{stem}/{name}")
        nodes = list(_instance(call, function))
        for i, node in enumerate(nodes):
            node.name = self._node_names.fresh(f"{stem}/{node.name or f'{node.op_type}_{i}'}")
        yield from self._nodes(nodes, {**opsets, **imports(function.opset_import)}, scope)
        for source, output in passed:
            yield helper.make_node("Identity", [source], [output], f"{stem}/result")


def _check_named_apart(call: NodeProto) -> None:
    """Raise UnsupportedModelError for a call of a function that has the name of an operator.

    ONNX says that the function is called, and onnxruntime runs the operator where it has one for the types at hand.
    """
    if onnx.defs.has(call.op_type, call.domain):
        raise UnsupportedModelError(
            f"{title(call)} calls a function of the model that has the name of an operator of ONNX, and runtimes do "
            "not agree which of the two is meant: give the function another name or a domain of its own"
        )


def imports(opsets: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    """Return the versions of operators that a model or a function imports, by domain; that of ONNX itself is ""."""
    return {"" if each.domain == "ai.onnx" else each.domain: each.version for each in opsets}


def _densify(node: NodeProto) -> None:
    """Write the value of a Constant in full where the file stores only what is not 0, which few libraries read."""
    sparse = next((each.sparse_tensor for each in node.attribute if each.name == "sparse_value"), None)
    if node.op_type != "Constant" or sparse is None:
        return
    values, at = map(numpy_helper.to_array, (sparse.values, sparse.indices))
    nbytes = math.prod(sparse.dims) * values.itemsize
    limits.check("constant_bytes", nbytes, f"{title(node)} is a constant of {nbytes} bytes where it is written in full")
    dense = np.zeros(list(sparse.dims), values.dtype)
    if at.ndim == 1:  # places in the order of rows, otherwise one row of coordinates for each value
        dense.reshape(-1)[at] = values
    else:
        dense[tuple(at.T)] = values
    del node.attribute[:]
    node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(dense)))


def _key(domain: str, name: str, overload: str) -> tuple[str, str, str]:
    return "" if domain == "ai.onnx" else domain, name, overload


def _instance(call: NodeProto, function: onnx.FunctionProto) -> Iterator[NodeProto]:
    """Yield copies of a function's nodes, with the attributes that the call states in the place of references."""
    given = {each.name: each for each in (*function.attribute_proto, *call.attribute)}
    for each in function.node:
        node = NodeProto()
        node.CopyFrom(each)
        _resolve(node, given)
        yield node


def _resolve(node: NodeProto, given: Mapping[str, onnx.AttributeProto]) -> None:
    """Replace the attributes of a node, and of the nodes in its subgraphs, that refer to those of the function."""
    for i in reversed(range(len(node.attribute))):
        each = node.attribute[i]
        if each.ref_attr_name in given and each.ref_attr_name:
            name = each.name
            each.CopyFrom(given[each.ref_attr_name])
            each.name = name
        elif each.ref_attr_name:
            del node.attribute[i]
    for graph in subgraphs(node):
        for inner in graph.node:
            _resolve(inner, given)
