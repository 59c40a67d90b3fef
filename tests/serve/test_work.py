"""The work: which jobs are computed together, by how many threads, and what becomes of those that nobody waits for."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from threading import Event, Lock

import pytest
from serve.services import answered

from onnxplain.serve.job import Job
from onnxplain.serve.limits import Limits
from onnxplain.serve.observed import Observer
from onnxplain.serve.work import Work
from onnxplain.stopping import check


class Lane:
    """Notes the groups that it computes, and returns twice the content of each job when it may go on."""

    def __init__(self, *, begun=True):
        self.jobs, self.groups, self.begun = deque(), 0, begun
        self.seen, self.most, self._now, self._lock = [], 0, 0, Lock()
        self.entered, self.go_on = Event(), Event()

    def compute(self, jobs):
        with self._lock:
            self.seen.append([job.content for job in jobs])
            self._now += 1
            self.most = max(self.most, self._now)
        self.entered.set()
        try:
            while not self.go_on.wait(0.002):
                check()
            if any(job.content == "bad" for job in jobs):
                raise ValueError("bad")
            return [2 * job.content for job in jobs]
        finally:
            with self._lock:
                self._now -= 1


@contextmanager
def work(**limits):
    made = Work(Limits(**limits), Observer())
    try:
        yield made
    finally:
        made.close()


def submitted(made, lane, contents, **options):
    return [made.submit("lane", lambda: lane, Job(each, **options)) for each in contents]


async def entered(lane):
    assert await asyncio.to_thread(lane.entered.wait, 10)


def test_as_many_rows_are_computed_together_as_it_pays_to():
    async def ask():
        lane = Lane()
        with work(batch_wait=0.2, at_once=1) as made:
            jobs = submitted(made, lane, range(7), joins="alike", most=3)
            lane.go_on.set()
            return await asyncio.gather(*(job.future for job in jobs)), lane.seen

    results, seen = answered(ask())
    assert results == [0, 2, 4, 6, 8, 10, 12] and seen == [[0, 1, 2], [3, 4, 5], [6]]


def test_two_groups_of_a_lane_are_computed_at_once_after_its_first():
    async def ask(lane):
        with work(batch_wait=0.001, at_once=2) as made:
            jobs = submitted(made, lane, range(4))
            await asyncio.sleep(0.1)
            before = lane.most
            lane.go_on.set()
            await asyncio.gather(*(job.future for job in jobs))
            return before, len(lane.seen)

    assert answered(ask(Lane(begun=False))) == (1, 4)
    assert answered(ask(Lane(begun=True))) == (2, 4)


def test_what_is_left_in_the_queue_is_never_computed():
    async def ask():
        lane = Lane()
        with work(at_once=1) as made:
            first, left, last = submitted(made, lane, range(3))
            await entered(lane)
            left.leave()
            lane.go_on.set()
            await last.future
            return await first.future, lane.seen

    assert answered(ask()) == (0, [[0], [2]])


def test_one_of_two_that_are_computed_together_leaves_and_the_other_gets_its_answer():
    async def ask():
        lane = Lane()
        with work(batch_wait=0.5, at_once=1) as made:
            one, other = submitted(made, lane, (1, 2), joins="alike", most=2)
            await entered(lane)
            one.leave()
            await asyncio.sleep(0.02)
            lane.go_on.set()
            return await other.future, lane.seen

    assert answered(ask()) == (4, [[1, 2]])


def test_a_computation_ends_when_all_have_left_it():
    async def ask():
        lane = Lane()
        with work(batch_wait=0.5, at_once=1) as made:
            both = submitted(made, lane, (1, 2), joins="alike", most=2)
            await entered(lane)
            lane.entered.clear()
            for job in both:
                job.leave()
            later = submitted(made, lane, (3,))
            await entered(lane)  # for the first group, which would go on for ever, has ended
            lane.go_on.set()
            return await later[0].future, [job.future.done() for job in both]

    assert answered(ask()) == (6, [False, False])


def test_one_at_fault_fails_alone():
    async def ask():
        lane = Lane()
        lane.go_on.set()
        with work(batch_wait=0.5, at_once=1) as made:
            jobs = submitted(made, lane, (1, "bad", 3), joins="alike", most=3)
            return await asyncio.gather(*(job.future for job in jobs), return_exceptions=True)

    one, bad, three = answered(ask())
    assert (one, three) == (2, 6) and isinstance(bad, ValueError)


def test_lanes_with_work_are_kept_and_idle_ones_are_dropped():
    async def ask():
        lanes = {name: Lane() for name in "abc"}
        with work(explainers=1, at_once=1) as made:
            jobs = [made.submit(name, lambda lane=lane: lane, Job(1)) for name, lane in lanes.items()]
            for lane in lanes.values():
                lane.go_on.set()
            await asyncio.gather(*(job.future for job in jobs))
            again = Lane()
            again.go_on.set()
            await made.submit("a", lambda: again, Job(1)).future
            return [len(lane.seen) for lane in lanes.values()], len(again.seen)

    assert answered(ask()) == ([1, 1, 1], 1)


@pytest.mark.parametrize("joins", [None, "alike"])
def test_whatever_waits_is_computed_before_the_threads_end(joins):
    async def ask():
        lane = Lane()
        lane.go_on.set()
        made = Work(Limits(batch_wait=5.0), Observer())
        jobs = submitted(made, lane, range(5), joins=joins, most=100)
        await asyncio.to_thread(made.close)
        return await asyncio.gather(*(job.future for job in jobs))

    assert answered(ask()) == [0, 2, 4, 6, 8]
