"""Runs on a Ray cluster of two nodes: the same bytes as by one process, whichever node is lost."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Timer

import pytest

pytest.importorskip("ray", reason="the extra ray")
from ray.cluster_utils import Cluster

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from runs.making import pictures, small, written

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def cluster():
    import ray

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = made.add_node(num_cpus=1)
    try:
        yield made, node
    finally:
        ray.shutdown()
        made.shutdown()


def test_a_cluster_that_loses_a_node_writes_what_one_process_writes(tmp_path, cluster):
    made, node = cluster
    folder = pictures(tmp_path / "in", 120)
    small(folder, tmp_path / "one")
    lost = Timer(4, made.remove_node, [node], {"allow_graceful": False})
    lost.start()
    r = small(folder, tmp_path / "ray", ray=made.address)
    lost.join()
    assert written(tmp_path / "ray") == written(tmp_path / "one")
    assert r.environment["workers"] == 2
