"""Where workers die: a shard that kills is taken apart, and the row that kills is left out, whatever the order."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.errors import BadInputError
from onnxplain.runs.attempts import DEATHS, ROUNDS, Attempts, Task
from onnxplain.runs.crew import STARTS, work
from onnxplain.runs.job import Job
from onnxplain.runs.worker import Answer

JOB = Job({"inputs": {"rows": 22}, "shard_size": 8, "batch_size": 3})


class Scripted:
    """Hands without processes: a worker dies of a task where `deadly` says so, and answers come in any order."""

    def __init__(self, deadly, seed=0):
        self.deadly, self.random = deadly, np.random.default_rng(seed)
        self.started = self.alive = 0
        self.written, self.told = {}, []

    def start(self):
        self.started += 1
        self.alive += 1
        return self.started

    def ask(self, worker, task):
        return (worker, task)

    def first(self, asked):
        return [asked[i] for i in self.random.permutation(len(asked))[: self.random.integers(1, len(asked) + 1)]]

    def answer(self, asked):
        _, task = asked
        if task is None:
            return Answer(0, ())
        rows = JOB.rows_of(task.shard) if task.rows is None else task.rows
        if self.deadly([i for i in rows if i not in task.killers]):
            return None
        if task.rows is None:
            self.written[task.shard] = task.killers
        return Answer(len(rows), ())

    def end(self, _):
        self.alive -= 1


def never(_):
    return False


def explained(hands, count=1):
    """Have all three shards explained by hands."""
    work(hands, Attempts(JOB, range(3)), count, hands.told.append)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("killers", [(), (9,), (0, 21), (8, 9, 10, 15), tuple(range(8, 16))])
@pytest.mark.parametrize("count", [1, 3])
def test_only_the_rows_that_kill_are_left_out(killers, count, seed):
    hands = Scripted(lambda rows: set(rows) & set(killers), seed)
    explained(hands, count)
    assert hands.written == {shard: tuple(i for i in killers if i in JOB.rows_of(shard)) for shard in range(3)}
    assert hands.alive == 0


def test_a_worker_that_dies_once_costs_its_shard_only():
    deaths = []

    def deadly(rows):
        if rows[0] == 8 and not deaths:
            deaths.append(rows)
            return True
        return False

    hands = Scripted(deadly)
    explained(hands)
    assert hands.written == {0: (), 1: (), 2: ()}
    assert hands.started == 2


def test_a_row_whose_worker_died_once_is_not_left_out():
    alone = []

    def deadly(rows):
        if rows == [9]:
            alone.append(rows)
            return len(alone) == 1
        return 9 in rows and not alone

    hands = Scripted(deadly)
    explained(hands)
    assert hands.written == {0: (), 1: (), 2: ()} and len(alone) == 2


def test_a_shard_of_which_no_row_kills_is_given_up_in_the_end():
    hands = Scripted(lambda rows: len(rows) > 3 and rows[0] == 8)
    with pytest.raises(BadInputError, match="shard 1: workers die of it, and of none of its rows alone"):
        explained(hands)
    assert hands.started == 1 + DEATHS * (ROUNDS + 1) - 1
    assert hands.alive == 0


def test_workers_that_cannot_begin_end_the_run():
    hands = Scripted(never)
    hands.answer = lambda _: None
    with pytest.raises(BadInputError, match="workers in a row died while they began"):
        explained(hands)
    assert (hands.started, hands.alive) == (STARTS, 0)


def test_what_a_worker_raises_is_raised_and_all_workers_end():
    hands = Scripted(never)
    hands.answer = lambda asked: Answer(0, ()) if asked[1] is None else BadInputError("it cannot be")
    with pytest.raises(BadInputError, match="it cannot be"):
        explained(hands, 2)
    assert hands.alive == 0


def test_a_task_names_a_shard():
    attempts = Attempts(JOB, [2])
    assert (attempts.waiting, attempts.next(), attempts.waiting) == (1, Task(2), 0)
