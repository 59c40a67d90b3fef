"""The work: threads that compute what waits in lanes, the oldest first, with what may be computed together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from onnxplain.serve.job import Group, hand_out
from onnxplain.serve.memory import Keeper
from onnxplain.serve.priority import step_back
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
    `limits.batch_rows` of them and as many as it pays to, unless one request has more. Threads share an explainer, as
    they may, but for its first call.
    """

    def __init__(self, limits: Limits, observe: Observer) -> None:
        self._limits, self._observe = limits, observe
        self._lanes: OrderedDict[Hashable, Lane] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._keeper = Keeper()
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
            if len(lane.jobs) == 1 or self._fills(lane):  # else a thread knows already when it will come
                self._changed.notify()
        return job

    def keep(self, key: Hashable, lane: Lane) -> None:
        """Take a lane that is ready, for the jobs of this key."""
        with self._changed:
            self._lanes.setdefault(key, lane)
            dropped = self._forgotten()
        del dropped

    def close(self) -> None:
        """Let the threads end when nothing waits any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _forgotten(self) -> list[Lane]:
        """Take out the lanes that were used least recently, as many as are too many, but none with work.

        They are to be let go without the lock, for to close the sessions of an explainer takes long.
        """
        idle = [key for key, lane in self._lanes.items() if not lane.jobs and not lane.groups]
        dropped = [self._lanes.pop(key) for key in idle[: max(0, len(self._lanes) - self._limits.explainers)]]
        self._observe.planned(len(self._lanes))
        return dropped

    def _serve(self) -> None:
        step_back()
        while (taken := self._take()) is not None:
            lane, jobs = taken
            self._observe.computes(1)
            try:
                self._compute(lane, jobs)
            finally:
                self._observe.computes(-1)
                with self._changed:
                    lane.groups -= 1
                    if lane.jobs or self._closed:
                        self._changed.notify_all()
                    dropped = self._forgotten()
            del taken, lane, jobs, dropped  # this thread may wait for long, and must not keep them
            self._keeper.give_back()

    def _take(self) -> tuple[Lane, list[Job]] | None:
        """Return jobs to compute, when there are any, and their lane, which is busy by now; None at the end."""
        with self._changed:
            while True:
                lane = self._oldest()
                if lane is None and self._closed and not any(each.jobs for each in self._lanes.values()):
                    return None
                wait = None if lane is None else self._wait(lane)
                if lane is not None and not (wait and wait > 0):
                    lane.groups += 1
                    jobs = self._cut(lane)
                    if self._oldest() is not None:
                        self._changed.notify()
                    return lane, jobs
                self._changed.wait(wait)

    def _oldest(self) -> Lane | None:
        """Return the lane whose first job waits for the longest, of those that may be worked on; None without any."""
        free = (lane for lane in self._lanes.values() if lane.jobs and (lane.begun or not lane.groups))
        waiting = [lane for lane in free if self._awaited(lane)]
        return min(waiting, key=lambda lane: lane.jobs[0].born, default=None)

    def _awaited(self, lane: Lane) -> bool:
        """Whether somebody waits for the first job of a lane, without those for which nobody does any more."""
        while lane.jobs and lane.jobs[0].left:
            lane.jobs.popleft()
        return bool(lane.jobs)

    def _wait(self, lane: Lane) -> float:
        """Return for how many seconds the first job of a lane waits for others: none where no more fit."""
        if self._closed or self._fills(lane):
            return 0.0
        return lane.jobs[0].born + self._limits.batch_wait - monotonic()

    def _fills(self, lane: Lane) -> bool:
        """Whether as much waits in a lane as is computed together with its first job."""
        first = lane.jobs[0]
        most = self._most(first)
        if first.joins is None or first.rows >= most:
            return True
        return sum(job.rows for job in lane.jobs if job.joins == first.joins and not job.left) >= most

    def _most(self, first: Job) -> int:
        """Return how many rows are computed together with a job."""
        return min(first.most, self._limits.batch_rows)

    def _cut(self, lane: Lane) -> list[Job]:
        """Take the first job out of a lane, and those behind it that are computed together with it."""
        first = lane.jobs.popleft()
        jobs, rows = [first], first.rows
        if first.joins is None:
            return jobs
        for job in [each for each in lane.jobs if each.joins == first.joins and not each.left]:
            if rows + job.rows > self._most(first):
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
            return  # all have left
        except BaseException as problem:  # noqa: BLE001  # whoever waits is told
            if len(jobs) == 1:
                hand_out(jobs, [problem])
            else:
                for job in jobs:
                    self._compute(lane, [job])
        else:
            lane.begun = True
            self._observe.batched(sum(job.rows for job in jobs), perf_counter() - start)
            hand_out(jobs, results)
