"""A `sitecustomize` for the processes of a run: they die of one input, at the file system's first word of it."""

SITE = """
import os, pathlib, signal
stat = pathlib.Path.stat
def deadly(self, **kwargs):
    if self.name == {name!r}:
        os.kill(os.getpid(), signal.SIGKILL)
    return stat(self, **kwargs)
pathlib.Path.stat = deadly
"""
