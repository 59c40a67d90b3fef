import pytest
from serve.asking import LEAVES, ask, echo

from onnxplain.errors import UsageError
from onnxplain.serve.tokens import TokenGate, Tokens

GOOD, OTHER = "correct-horse-battery-staple", "c2Vjb25k+/=="


@pytest.fixture
def app():
    return TokenGate(echo, Tokens([GOOD, OTHER]))


@pytest.mark.parametrize("header", [f"Bearer {GOOD}", f"bearer {GOOD}", f"BEARER   {GOOD} ", f"Bearer {OTHER}"])
def test_a_known_token_passes(app, header):
    assert ask(app, [b"body"], headers={"Authorization": header}).body == b"body"


WRONG = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": GOOD},
    {"Authorization": f"Basic {GOOD}"},
    {"Authorization": f"Bearer {GOOD}x"},
    {"Authorization": f"Bearer {GOOD[:-1]}"},
    {"Authorization": f"Bearer {GOOD.upper()}"},
    {"Authorization": f"Bearer {GOOD},{OTHER}"},
    {"Authorization": f"Bearer {GOOD} {OTHER}"},
    {"Authorization": "Bearer \xff\xfe\x00"},
    {"X-Authorization": f"Bearer {GOOD}"},
    {"Authorization": "Bearer " + "x" * 60_000},
]


def test_every_other_is_refused_and_the_refusal_says_nothing_of_why(app):
    answers = [ask(app, headers=each) for each in WRONG]
    assert {each.status for each in answers} == {401}
    assert len({each.body for each in answers}) == 1
    assert answers[0].headers["www-authenticate"] == 'Bearer realm="onnxplain"'
    assert answers[0].json["code"] == "token"


def test_two_headers_are_not_one(app):
    twice = [(b"authorization", f"Bearer {GOOD}".encode())] * 2
    assert ask(lambda scope, *rest: app({**scope, "headers": twice}, *rest)).status == 401


def test_the_body_of_one_without_a_token_reaches_nobody():
    async def never(*_):
        pytest.fail("an application was asked without a token")

    assert ask(TokenGate(never, Tokens([GOOD])), [b"x", LEAVES], headers={"Content-Length": "9"}).status == 401


@pytest.mark.parametrize("path", ["/", "/docs", "/v2/health/live", "/v2/health/ready", "/static/page.css"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_and_the_page_need_none(app, method, path):
    assert ask(app, method=method, path=path).status == 200


@pytest.mark.parametrize(
    "path", ["/v1/models", "/metrics", "/openapi.json", "/v2", "/v2/health/live/", "//", "/statics", "/page"]
)
def test_everything_else_does(app, path):
    assert ask(app, method="GET", path=path).status == 401


def test_what_is_open_is_open_to_be_read(app):
    assert ask(app, method="POST", path="/v2/health/live").status == 401


def test_the_place_where_the_application_is_mounted_does_not_matter(app):
    assert ask(app, method="GET", path="/explain/v2/health/live", root_path="/explain").status == 200
    assert ask(app, method="GET", path="/explain/v1/models", root_path="/explain").status == 401


def test_a_file_has_a_token_a_line(tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"# who may ask\n\n  {GOOD}  \n{OTHER} # the other one\n")
    tokens = Tokens.read(file)
    assert [tokens.has(each) for each in (GOOD.encode(), OTHER.encode(), b"", b"#", b"who")] == [
        True,
        True,
        *[False] * 3,
    ]


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "two words\n", "ümlaut\n", 'quoted"\n'])
def test_a_file_without_a_sound_token_is_refused_and_not_repeated(tmp_path, text):
    file = tmp_path / "tokens"
    file.write_text(text)
    with pytest.raises(UsageError, match="token file") as found:
        Tokens.read(file)
    assert not text.strip() or text.strip() not in str(found.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"absent: No such file"):
        Tokens.read(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="UTF-8"):
        Tokens.read(tmp_path / "binary")
