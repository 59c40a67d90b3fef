"""Clients that leave: what only they wait for is not computed any further, and others get their answers."""

from __future__ import annotations

import asyncio
import json
from threading import Event

import numpy as np
import pytest
from serve.services import DIGITS, answered

import onnxplain as ox
from onnxplain.graph.runtime import Session
from onnxplain.serve.limits import Limits

pytest.importorskip("fastapi", reason="the service needs the extra serve")
from serve.asking import asked

X = np.random.default_rng(0).normal(size=(2, 1, 16, 16)).astype("f")
PATH = "/v1/models/digits_cnn_torch:explain"
LONG = {"method": "smoothgrad", "samples": 10_000}


class Runs:
    """Counts the runs of sessions, which wait until they may go on. seen: the rows of each."""

    def __init__(self, monkeypatch):
        own = Session.run
        self.seen, self.began, self.go_on = [], Event(), Event()
        self.go_on.set()

        def run(session, names, feeds):
            self.seen.append(len(next(iter(feeds.values()))))
            self.began.set()
            assert self.go_on.wait(60)
            return own(session, names, feeds)

        monkeypatch.setattr(Session, "run", run)

    async def next(self):
        """Wait for the next run to begin."""
        self.began.clear()
        assert await asyncio.to_thread(self.began.wait, 60)


@pytest.fixture
def runs(monkeypatch):
    return Runs(monkeypatch)


def explain(app, leaves=None, x=X[:1], **parameters):
    """A task that asks for an explanation."""
    body = json.dumps({"instances": x.tolist(), "parameters": parameters}).encode()
    headers = {"content-type": "application/json", "host": "localhost"}
    return asyncio.create_task(asked(app, [body], leaves=leaves, path=PATH, headers=headers, query_string=b""))


async def until(holds):
    """Wait until something holds. `answered` bounds for how long."""
    while not holds():  # noqa: ASYNC110  # threads change what it looks at
        await asyncio.sleep(0.005)


async def quiet(app):
    """Wait until nothing is computed any more."""
    service = app.state.service
    await until(lambda: not service.accepted and not any(each.groups for each in service._work._lanes.values()))


def served(ask, **limits):
    """What a coroutine returns that is called with an application."""

    async def run():
        app = ox.serve.app(DIGITS, Limits(**limits))
        async with app.router.lifespan_context(app):
            return await ask(app)

    return answered(run())


def test_a_client_that_leaves_has_nothing_computed_further(runs):
    async def ask(app):
        leaves = asyncio.Event()
        task = explain(app, leaves, **LONG)
        await runs.next()
        await runs.next()
        leaves.set()
        sent = await task
        await quiet(app)
        before = len(runs.seen)
        await asyncio.sleep(0.1)
        return sent.status, len(runs.seen) - before, before

    status, more, before = served(ask)
    assert status is None and more == 0
    assert before < 20  # of the hundreds that 10,000 samples take


def test_what_waits_in_the_queue_for_nobody_is_never_computed(runs):
    async def ask(app):
        warm = await explain(app, method="gradient", target=3)
        first, leaves = asyncio.Event(), asyncio.Event()
        runs.go_on.clear()
        running, waiting = explain(app, first, **LONG), None
        await runs.next()
        runs.seen.clear()
        waiting = explain(app, leaves, x=np.repeat(X, 9, 0), method="gradient")  # 18 rows, as nothing else has
        await until(lambda: app.state.service.accepted == 2)
        leaves.set()
        await waiting
        first.set()
        runs.go_on.set()
        await running
        await quiet(app)
        after = await explain(app, method="gradient", target=3)
        return warm, after

    warm, after = served(ask, at_once=1)
    assert 18 not in runs.seen
    maps = [each.json["explanations"][0]["attribution"] for each in (warm, after)]
    assert maps[0] == maps[1]


def test_one_of_two_whose_rows_are_explained_together_leaves_and_the_other_gets_its_map(runs):
    async def ask(app):
        leaves = asyncio.Event()
        await explain(app, x=X, method="gradient")
        runs.go_on.clear()
        runs.seen.clear()
        left, stays = explain(app, leaves, X[:1], method="gradient"), explain(app, None, X[1:], method="gradient")
        await until(lambda: 2 in runs.seen)  # the walk of both rows
        leaves.set()
        await left
        runs.go_on.set()
        return await stays

    found = served(ask, batch_wait=5.0, batch_rows=2, at_once=2).json["explanations"][0]["attribution"]
    np.testing.assert_allclose(found, ox.explain(DIGITS, X[1:], "gradient").attribution[0], rtol=0, atol=1e-6)
