"""An Einsum becomes a chain of Einsums of two operands, which are products.

    abc,cd,de->abe   abc,cd->abd and then abd,de->abe
    ij->ji           ij,->ji, with the number 1 for the second operand

An index that is repeated within an operand, as in ii->i, stays: no rule walks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxplain.graph.tensors import numpy_dtype
from onnxplain.ops.bilinear import terms_of
from onnxplain.passes.edit import Editor, is_onnx, rewrite

if TYPE_CHECKING:
    import onnx_graphsurgeon as gs


def contractions(graph: gs.Graph) -> int:
    """Rewrite each Einsum of one operand, or of more than two; return how many were rewritten."""
    return rewrite(graph, _rewrite)


def _rewrite(edit: Editor, node: gs.Node) -> bool:
    if not is_onnx(node, "Einsum") or len(node.inputs) == 2:
        return False
    equation = node.attrs["equation"]
    terms, output = terms_of(equation.decode() if isinstance(equation, bytes) else equation)
    if any(term.replace("...", "").count(c) > 1 for term in terms for c in term if c != "."):
        return False
    values = list(node.inputs)
    if len(values) == 1:
        one = edit.constant(np.array(1, numpy_dtype(values[0]) or np.float32), f"{node.name}/one")
        values, terms = [*values, one], [*terms, ""]
    while len(values) > 2:
        kept = _kept(terms[:2], "".join((*terms[2:], output)))
        product = edit.add(
            "Einsum",
            values[:2],
            f"{node.name}/product",
            like=node.outputs[0],
            equation=f"{terms[0]},{terms[1]}->{kept}",
        )
        values, terms = [product, *values[2:]], [kept, *terms[2:]]
    node.inputs = values
    node.attrs["equation"] = f"{terms[0]},{terms[1]}->{output}"
    return True


def _kept(terms: list[str], behind: str) -> str:
    """Return the indices of a product of two operands that something behind it reads; an ellipsis stays in front."""
    letters = dict.fromkeys(c for term in terms for c in term if c != "." and c in behind)
    return "..." * any("..." in term for term in terms) + "".join(letters)
