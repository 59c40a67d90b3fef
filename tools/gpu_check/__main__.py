"""Check the engine "cupy" on a machine with an NVIDIA GPU, in under ten minutes.

    python tools/gpu_check [--out tools/bench] [--only tests layers]

    environment    the GPU, its driver, packages, and what is missing
    tests          tests/gpu on the GPU itself
    forward        a ResNet-50 on CUDA against the CPU, closer than TF32 comes
    memcheck       the kernels under compute-sanitizer: accesses out of bounds
    racecheck      and races in shared memory
    layers         the adjoint of every convolution of a ResNet-50, over cuBLAS, cuDNN (torch's, and the engine "cudnn")
                   and the roofline
    roofline       every kernel of whole walks: its share of the time, and how near it comes to its roofline
    explanations   whole explanations, over a forward run, torch, zennit and captum

Writes gpu.md and gpu.json. A step that cannot run says why and the others go on; exit 1 where a step failed, or where
there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SECONDS = 590
STEPS = ("environment", "tests", "forward", "memcheck", "racecheck", "layers", "roofline", "explanations")


def main() -> None:
    """Run the steps, write what they found, and exit with what it means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "tools" / "bench", help="folder of gpu.md and gpu.json")
    parser.add_argument("--only", nargs="+", choices=STEPS, default=STEPS, help="steps to run")
    options = parser.parse_args()
    sys.path[:0] = [str(ROOT), str(HERE)]
    from report import markdown
    from steps import run

    from onnxplain.engines.cupy import check
    from onnxplain.errors import UsageError

    try:
        check()
    except UsageError as why:
        sys.exit(f"gpu_check: nothing was checked: {why}")
    deadline = time.monotonic() + SECONDS
    found = {}
    for name in STEPS:
        if name in options.only:
            found[name] = run(name, max(1.0, deadline - time.monotonic()))
            print(f"{name}: {found[name]['state']}, {found[name]['says']}", file=sys.stderr)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "gpu.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.out / "gpu.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))
    sys.exit(1 if any(step["state"] == "failed" for step in found.values()) else 0)


if __name__ == "__main__":
    main()
