"""Standard forms of matrix products, with a factor, transposed operands and an activation fused into them."""

from __future__ import annotations

from onnxplain.passes.contrib.activations import activated
from onnxplain.passes.contrib.form import Fused, number, standard


def _turned(n: Fused, side: str) -> str:
    """Return a line for A_turned or B_turned.

    transBatch moves the first axis behind those of the batch, to the last but one; trans swaps the last two axes then.
    """
    last, batch = n[f"trans{side}"], n[f"transBatch{side}"]
    axes = list(range(len(n.shape(side)))) if last or batch else []
    if batch:
        axes[:-1] = [*axes[1:-1], axes[0]]
    if last:
        axes[-2:] = axes[:-3:-1]
    return f"""
        {side}_turned = {f"Transpose <perm: ints = {axes}> ({side})" if axes else f"Identity ({side})"}"""


@standard("FusedMatMul", "A B -> Y", alpha=1.0, transA=0, transB=0, transBatchA=0, transBatchB=0)
@standard("TransposeMatMul", "A B -> Y", alpha=1.0, transA=0, transB=0, transBatchA=0, transBatchB=0)
def _matmul(n: Fused) -> str:
    """Return the form of alpha · A' B', where A' and B' are transposed as the attributes say."""
    alpha = number("Alpha", n["alpha"], "A")
    scaled = "Identity (Product)" if n["alpha"] == 1 else "Mul (Product, Alpha)"
    return f"""{_turned(n, "A")}{_turned(n, "B")}{alpha}
        Product = MatMul (A_turned, B_turned)
        Y = {scaled}"""


@standard("FusedGemm", "A B C -> Y", alpha=1.0, beta=1.0, transA=0, transB=0)
def _gemm(n: Fused) -> str:
    inputs = "A, B, C" if "C" in n else "A, B"
    return f"""
        G = Gemm {n.passed("alpha", "beta", "transA", "transB")} ({inputs}){activated(n, "G", "Y")}"""
