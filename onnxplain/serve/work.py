"""The work: threads that compute what waits in lanes, the oldest first, with what may be computed together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from onnxplain.serve.job import Group
from onnxplain.stopping import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from onnxplain.serve.job import Job
    from onnxplain.serve.lanes import Lane
    from onnxplain.serve.limits import Limits
    from onnxplain.serve.observed import Observer


class Work:
    """Computes jobs in threads of its own, until it is closed.

    Rows of different requests are computed together where they wait in one lane and fit together, at most
    `limits.batch_rows` of them, unless one request has more. A lane is worked on by one thread at a time, so that
    explainers need not be safe for threads.
    """

    def __init__(self, limits: Limits, observe: Observer) -> None:
        self._limits, self._observe = limits, observe
        self._lanes: OrderedDict[Hashable, Lane] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"onnxplain-work-{i}", daemon=True) for i in range(limits.at_once)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, key: Hashable, make: Callable[[], Lane], job: Job) -> Job:
        """Let a job wait in the lane of this key, which is made where there is none."""
        with self._changed:
            lane = self._lanes.get(key)
            if lane is None:
                lane = self._lanes[key] = make()
            self._lanes.move_to_end(key)
            lane.jobs.append(job)
            self._forget()
            self._changed.notify()
        return job

    def keep(self, key: Hashable, lane: Lane) -> None:
        """Take a lane that is ready, for the jobs of this key."""
        with self._changed:
            self._lanes.setdefault(key, lane)
            self._forget()

    def close(self) -> None:
        """Let the threads end when nothing waits any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _forget(self) -> None:
        """Drop the lanes that were used least recently, as many as are too many, but none with work."""
        idle = [key for key, lane in self._lanes.items() if not lane.jobs and not lane.busy]
        for key in idle[: max(0, len(self._lanes) - self._limits.explainers)]:
            del self._lanes[key]
        self._observe.planned(len(self._lanes))

    def _serve(self) -> None:
        while (taken := self._take()) is not None:
            lane, jobs = taken
            try:
                self._compute(lane, jobs)
            finally:
                with self._changed:
                    lane.busy = False
                    self._changed.notify_all()

    def _take(self) -> tuple[Lane, list[Job]] | None:
        """Return jobs to compute, when there are any, and their lane, which is busy by now; None at the end."""
        with self._changed:
            while True:
                lane = self._oldest()
                if lane is None and self._closed and not any(each.jobs for each in self._lanes.values()):
                    return None
                wait = None if lane is None else self._wait(lane)
                if lane is not None and not (wait and wait > 0):
                    lane.busy = True
                    return lane, self._cut(lane)
                self._changed.wait(wait)

    def _oldest(self) -> Lane | None:
        """Return the lane, of those that nobody works on, whose first job waits for the longest; None without any."""
        waiting = [lane for lane in self._lanes.values() if not lane.busy and self._awaited(lane)]
        return min(waiting, key=lambda lane: lane.jobs[0].born, default=None)

    def _awaited(self, lane: Lane) -> bool:
        """Whether somebody waits for the first job of a lane, without those for which nobody does any more."""
        while lane.jobs and lane.jobs[0].left:
            lane.jobs.popleft()
        return bool(lane.jobs)

    def _wait(self, lane: Lane) -> float:
        """Return for how many seconds the first job of a lane waits for others: none where no more fit."""
        first = lane.jobs[0]
        rows = sum(job.rows for job in lane.jobs if job.joins == first.joins)
        if first.joins is None or rows >= self._limits.batch_rows or self._closed:
            return 0.0
        return first.born + self._limits.batch_wait - monotonic()

    def _cut(self, lane: Lane) -> list[Job]:
        """Take the first job out of a lane, and those behind it that are computed together with it."""
        first = lane.jobs.popleft()
        jobs, rows = [first], first.rows
        if first.joins is None:
            return jobs
        for job in [each for each in lane.jobs if each.joins == first.joins and not each.left]:
            if rows + job.rows > self._limits.batch_rows:
                break
            lane.jobs.remove(job)
            jobs.append(job)
            rows += job.rows
        return jobs

    def _compute(self, lane: Lane, jobs: list[Job]) -> None:
        """Compute jobs together or, where that fails, since one of them is at fault, each alone."""
        group, start = Group(jobs), perf_counter()
        try:
            with group.stop.hold():
                results = lane.compute(jobs)
        except StoppedError:
            for job in jobs:
                job.future.cancel()
        except BaseException as problem:  # noqa: BLE001  # whoever waits is told
            if len(jobs) == 1:
                jobs[0].failed(problem)
            else:
                for job in jobs:
                    self._compute(lane, [job])
        else:
            self._observe.batched(sum(job.rows for job in jobs), perf_counter() - start)
            for job, result in zip(jobs, results, strict=True):
                job.done(result)
