"""The page on serving lists every refusal of the service with its status, and no other."""

from __future__ import annotations

import re

from nets import ROOT

REFUSED = re.compile(r"\b([45][0-9]{2}), \"([a-z_]+)\"")
"""A status and a code, as the service writes them one behind the other."""


def test_each_refusal_stands_in_the_table_of_the_page():
    sources = (ROOT / "onnxplain" / "serve").glob("*.py")
    told = {pair for source in sources for pair in REFUSED.findall(source.read_text())}
    rows = re.findall(r"^\| ([45][0-9]{2}) \| ([^|]*) \|", (ROOT / "docs" / "serving.md").read_text(), re.MULTILINE)
    listed = {(status, code) for status, codes in rows for code in re.findall(r"`(\w+)`", codes)}
    assert ("413", "too_many_rows") in told
    assert told <= listed, told - listed
    assert {code for _, code in listed} == {code for _, code in told} | {"no_such_address"}
