"""The ledger: a chain of lines, against hashes that are computed here."""

from __future__ import annotations

import hashlib
import json

import onnxplain as ox

from .making import arrays, small


def test_each_line_states_its_files_and_the_line_before(tmp_path):
    r = small(arrays(tmp_path / "x.npy", 14), tmp_path / "out")
    sha256 = lambda data: hashlib.sha256(data).hexdigest()  # noqa: E731
    previous = sha256((tmp_path / "out" / "job.json").read_bytes())
    assert r.id == previous
    lines = (tmp_path / "out" / "ledger.jsonl").read_bytes().split(b"\n")
    assert lines.pop() == b"" and len(lines) == 4
    for i, line in enumerate(lines):
        shard = tmp_path / "out" / "shards" / f"{i:06d}"
        assert json.loads(line) == {
            "shard": i,
            "done": 4 if i < 3 else 2,
            "failed": 0,
            "receipt": sha256(shard.with_suffix(".json").read_bytes()),
            "npz": sha256(shard.with_suffix(".npz").read_bytes()),
            "previous": previous,
        }
        previous = sha256(line)
    assert ox.Run(tmp_path / "out").end["ledger"]["head"] == previous
