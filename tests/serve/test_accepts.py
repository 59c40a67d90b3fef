"""Which kind of answer fits an Accept header."""

import pytest
from serve.pages import client  # noqa: F401  # skips without the extra

from onnxplain.serve.accepts import chosen
from onnxplain.serve.refusal import Refusal

OFFERED = ("image/png", "application/json", "application/x-npz")


@pytest.mark.parametrize(
    ("header", "media"),
    [
        (None, "image/png"),
        ("", "image/png"),
        ("*/*", "image/png"),
        ("application/json", "application/json"),
        ("Application/JSON;charset=utf-8", "application/json"),
        ("application/*", "application/json"),
        ("text/html, application/x-npz", "application/x-npz"),
        ("image/png;q=0.5, application/json;q=0.8", "application/json"),
        ("application/json;q=0, application/*", "application/x-npz"),
        ("*/*;q=0.1, application/x-npz;q=0.2", "application/x-npz"),
        ("image/*;q=0.2, */*;q=0.5", "application/json"),
        (" image/png ; q=1.000 ", "image/png"),
    ],
)
def test_the_answer_is_what_is_wanted_most(header, media):
    assert chosen(header, OFFERED) == media


@pytest.mark.parametrize("header", ["text/html", "image/webp, text/*", "image/png;q=0", "nonsense", "image/png;q=2"])
def test_what_fits_nothing_is_refused(header):
    with pytest.raises(Refusal) as refused:
        chosen(header, OFFERED)
    assert refused.value.status == 406 and "image/png" in refused.value.message
