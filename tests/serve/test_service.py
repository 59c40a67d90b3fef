"""The service: right numbers for each request, together or alone; refusals; and nothing computed for nobody."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from serve.services import DIGITS, MODELS, answered, service

import onnxplain as ox
from onnxplain.serve.observed import Observer
from onnxplain.serve.question import Question
from onnxplain.serve.refusal import Refusal

X = np.random.default_rng(0).normal(size=(24, 1, 16, 16)).astype(np.float32)


class Batches(Observer):
    """Notes how many rows were computed together."""

    def __init__(self):
        self.rows = []

    def batched(self, rows, seconds):  # noqa: ARG002
        self.rows.append(rows)


def test_requests_are_explained_together_and_each_gets_its_own_rows():
    async def ask():
        seen = Batches()
        async with service(DIGITS, seen, batch_wait=1.0, batch_rows=8) as made:
            question = Question.of({"method": "gradient"})
            asked = [made.explain("digits_cnn_torch", X[i : i + 2], question) for i in range(0, 24, 2)]
            return await asyncio.gather(*asked), seen.rows

    found, together = answered(ask())
    expected = ox.explain(DIGITS, X, "gradient")
    assert max(together) == 8 and sum(together) == 24
    for i, e in enumerate(found):
        rows = slice(2 * i, 2 * i + 2)
        assert e.attribution == pytest.approx(expected.attribution[rows], abs=1e-6)
        assert e.record["input"]["sha256"] == expected[rows].record["input"]["sha256"]
        assert np.array_equal(e.target, expected.target[rows])


def test_targets_of_requests_stay_apart():
    async def ask():
        async with service(DIGITS, batch_wait=0.5) as made:
            questions = [Question.of({"method": "input_x_gradient", "target": target}) for target in (3, [5], None, 7)]
            return await asyncio.gather(*(made.explain("digits_cnn_torch", X[:1], each) for each in questions))

    for e, target in zip(answered(ask()), (3, 5, None, 7), strict=True):
        expected = ox.explain(DIGITS, X[:1], "input_x_gradient", target)
        assert e.attribution == pytest.approx(expected.attribution, abs=1e-6) and e.target == expected.target


def test_a_request_at_fault_does_not_take_others_with_it():
    async def ask():
        async with service(DIGITS, batch_wait=0.5) as made:
            questions = [Question.of({"method": "gradient", "target": target}) for target in (3, 11, 4)]
            asked = (made.explain("digits_cnn_torch", X[:1], each) for each in questions)
            return await asyncio.gather(*asked, return_exceptions=True)

    right, wrong, also = answered(ask())
    assert right.target == 3 and also.target == 4
    assert isinstance(wrong, Refusal) and wrong.status == 422 and "11" in wrong.message


@pytest.mark.parametrize(
    ("parameters", "inputs", "status", "said"),
    [
        ({"method": "nonsense"}, X[:1], 403, "method 'nonsense' is not offered"),
        ({"method": "gradient", "eps": 1}, X[:1], 422, "has no parameter 'eps'"),
        ({"method": "rise", "samples": 10**9}, X[:1], 413, "samples=1000000000"),
        ({"method": "gradient", "smooth": 1e12}, X[:1], 413, "smooth=1000000000000.0"),
        ({"method": "occlusion"}, X[:1], 403, "method 'occlusion' is not offered"),
        ({"method": "smoothgrad", "of": "lrp.zero"}, X[:1], 403, "method 'lrp.zero' is not offered"),
        ({}, X[:3], 413, "3 rows; one request may have 2"),
        ({}, X[:1, :, 1:], 422, "shape"),
        ({}, "/etc/passwd", 422, "takes no text"),
        ({}, ["x.npy"], 422, "takes no text"),
        ({}, {"input": "x.npz:0"}, 422, "takes no text"),
    ],
)
def test_refusals(parameters, inputs, status, said):
    offered = ("lrp.epsilon_plus_flat", "gradient", "rise", "smoothgrad")

    async def ask():
        async with service(DIGITS, rows=2, methods=offered) as made:
            await made.explain("digits_cnn_torch", inputs, Question.of(parameters))

    with pytest.raises(Refusal) as problem:
        answered(ask())
    assert problem.value.status == status and said in problem.value.message
    assert str(MODELS) not in problem.value.message


def test_a_model_that_is_not_served_is_refused_by_name():
    async def ask():
        async with service(DIGITS) as made:
            await made.predict("other", X)

    with pytest.raises(Refusal, match="no model is called 'other'; there are: 'digits_cnn_torch'") as problem:
        answered(ask())
    assert problem.value.status == 404


def test_what_nobody_waits_for_is_not_computed_any_further():
    async def ask():
        async with service(DIGITS, at_once=1) as made:
            long = Question.of({"method": "smoothgrad", "samples": 10_000})
            name = "digits_cnn_torch"
            left = [asyncio.create_task(made.explain(name, X, long)) for _ in range(2)]
            await asyncio.sleep(0.3)
            for each in left:
                each.cancel()
            e = await made.explain(name, X[:1], Question.of({"method": "gradient"}))
            return e, made.accepted

    e, accepted = answered(ask())  # which would wait for minutes: 48 rows of 10,000 samples each
    assert e.method == "gradient" and accepted == 0


def test_more_than_may_wait_are_refused_and_the_others_answered():
    async def ask():
        async with service(DIGITS, waiting=2, at_once=1) as made:
            question = Question.of({"method": "gradient"})
            asked = [made.explain("digits_cnn_torch", X, question) for _ in range(5)]
            return await asyncio.gather(*asked, return_exceptions=True)

    found = answered(ask())
    refused = [each for each in found if isinstance(each, Refusal)]
    assert len(refused) == 3 and {(each.status, each.retry_after) for each in refused} == {(429, 1)}


def test_draining_answers_what_was_accepted_and_refuses_what_comes():
    async def ask():
        async with service(DIGITS) as made:
            question = Question.of({"method": "smoothgrad", "samples": 50})
            accepted = asyncio.create_task(made.explain("digits_cnn_torch", X[:2], question))
            await asyncio.sleep(0.01)
            await made.drain()
            late = await asyncio.gather(made.predict("digits_cnn_torch", X), return_exceptions=True)
            return made.ready, await accepted, late[0]

    ready, e, late = answered(ask())
    assert not ready and len(e) == 2 and late.status == 503


def test_only_so_many_explainers_are_kept():
    class Planned(Observer):
        most = 0

        def planned(self, explainers):
            self.most = max(self.most, explainers)

    async def ask(seen):
        async with service(DIGITS, seen, explainers=2) as made:
            for eps in (1e-6, 1e-5, 1e-4, 1e-3):
                await made.explain("digits_cnn_torch", X[:1], Question.of({"method": "lrp.epsilon", "eps": eps}))

    seen = Planned()
    answered(ask(seen))
    assert seen.most == 2


def test_texts_are_texts_also_where_they_end_like_files():
    pytest.importorskip("tokenizers")
    model = ox.load(MODELS / "reviews_transformer_torch.onnx", vocabulary=MODELS / "reviews.tokenizer.json")

    async def ask():
        async with service({"reviews": model}) as made:
            question = Question.of({"method": "gradient"})
            return [await made.predict("reviews", each) for each in ("a fine film.txt", "weights.npz")], (
                await made.explain("reviews", ["x.npy"], question)
            )

    predictions, e = answered(ask())
    assert all(len(each) == 1 for each in predictions) and len(e) == 1
