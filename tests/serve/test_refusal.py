from onnxplain.errors import UsageError
from onnxplain.serve.refusal import LONGEST, Refusal, refusal_of


def test_what_a_message_repeats_is_one_printable_line():
    for refusal in (Refusal(422, "bad", "no a\nb\x1b[31m\u2028"), refusal_of(UsageError("no a\nb\x1b[31m\u2028"))):
        assert refusal.body("id")["error"].isprintable()
        assert str(refusal) == refusal.message


def test_what_a_message_repeats_has_a_bound():
    refusal = refusal_of(UsageError(f"unknown name {'x' * 10_000_000}"))
    assert LONGEST <= len(refusal.message) <= LONGEST + 1
    assert Refusal(422, "bad", "x" * LONGEST).message == "x" * LONGEST


def test_what_nobody_raised_on_purpose_is_not_told():
    assert "secret" not in refusal_of(RuntimeError("secret")).message
    assert refusal_of(MemoryError("secret")).status == 503
