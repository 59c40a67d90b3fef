"""What a function answers: what is refused, and how it is asked."""

from __future__ import annotations

import numpy as np
import pytest

from onnxplain.engines.answers import Answers
from onnxplain.errors import BadInputError, PredictorError
from onnxplain.stopping import Stop, StoppedError

X = np.arange(12, dtype="f").reshape(4, 3)


def answers(function, **options):
    return Answers(function, "it", **{"meaning": "scores"} | options)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x[:1], r"answers float32 \[1, 3\] for 2 rows: expected \[2, C\]"),
        (lambda x: x[:, :, None], r"answers float32 \[1, 3, 1\] for 1 rows: expected \[1, C\]"),
        (lambda x: x[:, :0], r"answers float32 \[1, 0\] for 1 rows"),
        (lambda x: x.argmax(1), r"answers int64 \[1\] for 1 rows.*no labels"),
        (lambda x: x[:, 0] > 0, r"answers bool \[1\] for 1 rows.*no labels"),
        (lambda x: ["cat"] * len(x), r"answers <U3 \[1\] for 1 rows.*no labels"),
        (lambda x: [[None, 1.0]] * len(x), r"answers object \[1, 2\]"),
        (lambda x: x / 0 * 0, "answers NaN or Inf for row 0 of the 1"),
        (lambda _: 1 / 0, "failed on 1 rows.*ZeroDivisionError"),
        (lambda _: [[1.0]] * 3 + [[1.0, 2.0]], "failed on 1 rows.*ValueError"),
    ],
)
def test_an_answer_that_is_none_is_refused(function, said):
    ask = answers(function)
    with pytest.raises(PredictorError, match=said), np.errstate(all="ignore"):
        ask(X)


def test_the_row_that_has_no_score_is_named():
    with pytest.raises(PredictorError, match="NaN or Inf for row 2 of the 4"):
        answers(lambda x: np.where(x > 6, np.nan, x))(X)


def test_numbers_beyond_0_and_1_are_no_probabilities():
    with pytest.raises(PredictorError, match="from 0 to 2, which are no probabilities"):
        answers(lambda x: x, meaning="probabilities")(X)


def test_chance_is_found():
    rng = np.random.default_rng(0)
    with pytest.raises(PredictorError, match="answers the same row otherwise when it is asked again"):
        answers(lambda x: x + rng.normal(size=x.shape))(X)


@pytest.mark.parametrize("fixed", [None, 2])
def test_rows_that_change_one_another_are_found(fixed):
    ask = answers(lambda x: x - x.mean(0) + 1)
    with pytest.raises(PredictorError, match="answers a row otherwise where other rows are beside it"):
        ask(X, fixed)


def test_rows_in_another_order_are_found():
    with pytest.raises(PredictorError, match="answers a row otherwise"):
        answers(lambda x: x[::-1])(X)


def test_a_little_noise_is_rounding_and_is_stated():
    again = iter([0.0, 1e-5, *[0.0] * 9])
    ask = answers(lambda x: x + 1 + next(again))
    assert np.array_equal(ask(X), X + 1)
    assert ask.repeated.rows == 1 and 0 < ask.repeated.difference < 2e-5
    strict = iter([0.0, 1e-5])
    with pytest.raises(PredictorError, match="asked again"):
        answers(lambda x: x + 1 + next(strict), tolerance=1e-6)(X)


def test_the_number_of_scores_stays_the_same():
    ask = answers(lambda x: x, classes=2)
    with pytest.raises(PredictorError, match="expected 2 scores a row"):
        ask(X)


def test_rows_are_asked_for_in_bounded_parts():
    seen = []

    def count(x):
        seen.append(len(x))
        return x

    ask = answers(count, rows=3)
    assert np.array_equal(ask(X), X)
    assert seen == [1, 1, 1, 1, 2, 3, 1]  # one row twice; two rows alone and together; then the rows
    seen.clear()
    assert np.array_equal(ask(X), X)
    assert seen == [3, 1]
    seen.clear()
    ask.rows, ask.size = 64, 2 * X[0].nbytes
    ask(X)
    assert seen == [2, 2]


def test_what_a_function_does_to_its_rows_stays_with_it():
    kept = np.empty((1, 3), "f")

    def careless(x):
        x *= 2
        kept[:] = x[:1]
        return kept if len(x) == 1 else x

    given = X.copy()
    assert np.array_equal(answers(careless)(given), 2 * X)
    assert np.array_equal(given, X)


def test_whole_numbers_and_half_precision_are_scores():
    assert answers(lambda x: x.astype(int))(X).dtype == np.float64
    assert answers(lambda x: x.astype(np.float16))(X).dtype == np.float32
    assert answers(lambda x: x[:, 0])(X).shape == (4, 1)


def test_an_error_of_the_package_s_own_is_passed_on():
    def refuse(x):
        raise BadInputError("not these rows")

    with pytest.raises(BadInputError, match="not these rows"):
        answers(refuse)(X)


def test_it_can_be_stopped_between_two_questions():
    stop = Stop()

    def last(x):
        stop.set()
        return x

    with stop.hold(), pytest.raises(StoppedError):
        answers(last)(X)
