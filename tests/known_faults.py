"""Faults of older releases of onnxruntime: tests that take its answer for the truth are skipped where it is wrong.

None of them is a fault of this library: onnxruntime's own plain run of the file is wrong there, or refuses the file.
"""

from __future__ import annotations

import re

import onnxruntime

POOL = "AveragePool that counts its padding divides by the wrong number at a border padded on one side"
NORM = "LpNormalization of opset 22 is missing"
QUANTA = "its optimiser moves the scores of a quantised network by more than they differ from one another"
OWN = "the process dies of some operators of its own, such as MultiHeadAttention without a bias, or Pad"
PARAMETERS = "RNN takes other parameters of its activation than those that the file states"
CEIL = "LpPool that rounds its size up leaves out the last windows"
MARGIN = "TreeEnsembleClassifier of one score for two classes has other scores"
DLPACK = "OrtValue has no __dlpack__, by which the GPU engine reads it"

FAULTS = {
    "ops/test_affine.py::test_average_pool": ("1.25", POOL),
    "ops/test_affine.py::test_an_average_over_a_window_that_is_larger_than_the_input[1": ("1.25", POOL),
    "passes/test_pad.py::test_zeros_go_into_an_average_pool_that_counts_them": ("1.25", POOL),
    "passes/test_expand.py::test_a_body_computes_the_same[LRN": ("1.25", POOL),
    "passes/test_expand.py::test_a_body_computes_the_same[LpNormalization": ("1.25", NORM),
    "passes/test_expand.py::test_a_body_takes_the_dtype_of_its_node[LpNormalization": ("1.25", NORM),
    "passes/test_head.py::test_the_scores_of_a_soft_vote_are_those_of_the_whole": ("1.25", NORM),
    "ops/test_normalise.py::test_facts[l1]": ("1.25", NORM),
    "graph/test_sweep.py::test_the_gradient_of_an_operator_in_its_oldest_version[LpNormalization": ("1.25", NORM),
    "graph/test_sweep.py::test_the_gradients_of_an_operator_in_each_version[LpNormalization": ("1.25", NORM),
    "gpu/test_forward.py::test_inputs_and_outputs_are_bound_by_address": ("1.26", DLPACK),
    "gpu/test_forward.py::test_booleans_integers_and_scalars_keep_type_and_shape": ("1.26", DLPACK),
    "passes/test_models.py::test_scores_stay[tflite-v3": ("1.32", QUANTA),
    "passes/test_arithmetic.py::test_ml[LOGISTIC, one row]": ("1.27", "LinearClassifier returns raw scores"),
    "passes/contrib/": ("1.32", OWN),
    "passes/test_recurrent.py::test_activations[RNN-LeakyRelu": ("1.32", PARAMETERS),
    "passes/test_recurrent.py::test_activations[RNN-HardSigmoid": ("1.32", PARAMETERS),
    "passes/test_recurrent.py::test_activations[RNN-Elu": ("1.32", PARAMETERS),
    "passes/test_written_out.py::test_the_slope_is_that_of_the_file[LpPool rounded up": ("1.32", CEIL),
    "passes/test_written_out.py::test_what_is_shared_out_adds_up[LpPool rounded up": ("1.32", CEIL),
    "passes/test_ml_trees.py::test_the_scores_are_those_of_onnxruntime[ids13": ("1.32", MARGIN),
    "passes/test_ml_trees.py::test_the_scores_are_those_of_onnxruntime[ids16": ("1.32", MARGIN),
    "ops/test_affine.py::test_conv_transpose": ("1.28", "ConvTranspose is wrong with dilations and output_padding"),
}
"""How the id of a test starts, behind `tests/` -> the first release known to be without the fault, and the fault."""


def reason(nodeid: str, version: str = onnxruntime.__version__) -> str | None:
    """Why a test cannot pass with this version of onnxruntime, or None where it can."""
    for start, (mended, fault) in FAULTS.items():
        if nodeid.removeprefix("tests/").startswith(start) and _release(version) < _release(mended):
            return f"onnxruntime below {mended}: {fault}"
    return None


def _release(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:2]))
