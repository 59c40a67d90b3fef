"""Every kernel compiles for the GPUs of eight years, with the flags that CuPy uses, and fits their registers."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import product

import pytest
from kinds import kinds

from onnxplain.engines.cupy.sources import folder, source

NVCC = shutil.which("nvcc")
ARCHITECTURES = (75, 80, 90, 100, 120)
USUAL, WITHOUT_COPIES = 90, 75
"""What runs by default: an H100, and the last architecture that knows no asynchronous copies."""
SOURCES = sorted(path.name for path in folder().glob("*.cu"))
TILED = [name for name in SOURCES if "tiled" in name]
DIVISION = 32
"""Bytes that a thread puts aside while a subroutine divides, outside any loop over what it reads."""
# one translation unit a build, a namespace for each source and its headers: CUDA's own headers take the most time
BUILDS = {
    "float": (SOURCES, {"REAL": "float"}),
    "double": (SOURCES, {"REAL": "double"}),
    "narrow": (TILED, {"REAL": "float", "BM": 64}),
}


@pytest.mark.skipif(NVCC is None, reason="nvcc, the CUDA compiler, is not here")
@pytest.mark.parametrize(
    ("build", "architecture"),
    kinds(product(BUILDS, ARCHITECTURES), lambda *case: case[1] == USUAL or case == ("float", WITHOUT_COPIES)),
)
def test_it_compiles_for_every_architecture(build, architecture, tmp_path):
    names, defines = BUILDS[build]
    texts = {name[:-3]: source(name[:-3]) for name in names}
    spilled = compiled(texts, [f"-D{key}={value}" for key, value in defines.items()], architecture, tmp_path)
    assert sorted(spilled) == sorted(name[:-3] for name in names)
    for name, size in spilled.items():
        assert size <= (0 if "tiled" in name else DIVISION), "a thread has too few registers"


def compiled(texts, flags, architecture, folder):
    """Bytes that a thread spills, by kernel; no source compiles with a warning."""
    unit = folder / "all.cu"
    unit.write_text("".join(f"namespace {name}_unit {{\n{text}}}\n" for name, text in texts.items()))
    flags = ["-std=c++17", "-ftz=true", "--resource-usage", *flags]
    target = f"-gencode=arch=compute_{architecture},code=sm_{architecture}"
    command = [NVCC, "-fatbin", *flags, target, str(unit), "-o", str(folder / "all.fatbin")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    kernels = re.findall(rf"Compiling entry function '(\w+)' for 'sm_{architecture}'", done.stderr)
    spilled = [int(count) for count in re.findall(r"(\d+) bytes spill stores", done.stderr)]
    return dict(zip(kernels, spilled, strict=True))


def test_names_and_launch_bounds_are_in_the_table():
    """README.md is what a launcher is written from: file, kernel, and types of the arguments in order."""
    table = (folder() / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+\.cu)` (.*)$", table, re.MULTILINE))
    assert sorted(rows) == SOURCES
    for name, row in rows.items():
        kernel, parameters = re.search(
            r"__global__ void\s+(?:__launch_bounds__\(.*?\)\s+)?(\w+)\((.*?)\)", source(name[:-3]), re.DOTALL
        ).groups()
        assert row.startswith(f"`{kernel}` ") and kernel == name[:-3]
        types = [
            re.sub(r"__restrict__|\bconst (?!T\b|int64\*|bool)|(?<!\*)$", "", each).strip()
            for each in parameters.split(",")
        ]
        said = re.findall(r"`((?:const )?(?:T|int64|int|bool|Window|Axes|Expression|Result)\*? \w+)`", row)
        assert said == [re.sub(r"\s+", " ", each) for each in types], name
