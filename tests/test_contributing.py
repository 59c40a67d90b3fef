"""The examples of CONTRIBUTING.md run as they stand, in a process of their own: they add to the registries."""

import subprocess
import sys

from nets import ROOT


def test_the_examples_of_the_guide_run():
    command = [sys.executable, "-W", "error::UserWarning", "-m", "doctest", "CONTRIBUTING.md"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_thing_that_can_be_added_has_an_example():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    _, *parts = text.split("\n### ")
    assert [part.splitlines()[0] for part in parts if ">>> " in part] == [
        "An operator of a custom domain",
        "An activation",
        "An operator",
        "A rule",
        "A method",
        "A measure",
        "An engine",
    ]
