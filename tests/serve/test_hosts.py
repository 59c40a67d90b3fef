import pytest
from serve.asking import ask, echo

from onnxplain.serve.hosts import HostGate, name_of

HERE = {"server": ("127.0.0.1", 8080)}


def status(app, headers, **request):
    return ask(app, headers=headers, **request).status


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:80", "[::1]:8080", "LocalHost:1", "localhost."]
)
@pytest.mark.parametrize("server", [("127.0.0.1", 8080), ("::1", 8080, 0, 0), ("::ffff:127.0.0.1", 1)])
def test_the_loopback_knows_its_own_names(host, server):
    assert status(HostGate(echo), {"Host": host}, server=server) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.2", "[::2]"]
)
def test_a_name_that_points_to_the_loopback_from_elsewhere_is_refused(host):
    sent = ask(HostGate(echo), headers={"Host": host}, **HERE)
    assert (sent.status, sent.json["code"]) == (403, "unknown_host")
    assert host not in sent.json["error"]


def test_elsewhere_names_do_not_matter_unless_they_are_given():
    away = {"server": ("10.0.0.7", 8080)}
    assert status(HostGate(echo), {"Host": "any.example"}, **away) == 200
    given = HostGate(echo, ["Mine.example", "::2", "10.0.0.7:8080"])
    for host in ("mine.example:8080", "mine.example.", "[::2]", "10.0.0.7", "localhost"):
        assert status(given, {"Host": host}, **away) == 200
    assert status(given, {"Host": "any.example"}, **away) == 403


def test_a_star_stands_for_any_name():
    assert status(HostGate(echo, ["*"]), {"Host": "any.example"}, **HERE) == 200


@pytest.mark.parametrize("server", [None, ("/run/a.sock", None), ("testserver", 80)])
def test_what_is_no_address_is_no_loopback(server):
    assert status(HostGate(echo), {"Host": "any.example"}, server=server) == 200


@pytest.mark.parametrize(
    "host", ["", "a b", "user@localhost", "localhost/..", "localhost:port", "[::1", "a:1:2", "\xe9"]
)
def test_what_is_no_host_is_refused(host):
    sent = ask(HostGate(echo), headers={"Host": host}, **HERE)
    assert (sent.status, sent.json["code"]) == (400, "bad_host")


def test_two_hosts_are_refused():
    app = HostGate(echo)
    twice = [(b"host", b"localhost")] * 2
    assert ask(lambda scope, *rest: app({**scope, "headers": twice}, *rest), **HERE).status == 400


def test_without_a_host_as_in_the_first_version_of_http_there_is_no_name():
    assert status(HostGate(echo), {}, **HERE) == 200


def test_health_answers_under_any_name():
    health = {"method": "GET", "path": "/v2/health/ready", **HERE}
    assert status(HostGate(echo), {"Host": "10.1.2.3:8080"}, **health) == 200


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8080", "http://localhost:8080"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("mine.example", "https://mine.example"),  # behind a proxy that speaks TLS
        ("mine.example", "https://mine.example:443"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_page_itself_may_ask(host, origin):
    own = {"Host": host, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
    assert status(HostGate(echo, ["*"]), own, **HERE) == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://localhost:3000",
        "http://localhost:8080.evil.example",
        "https://localhost",
        "null",
        "",
        "file://localhost:8080",
        "http://localhost:99999999",
        "http://[::1",
    ],
)
def test_a_page_of_another_origin_may_not(origin):
    sent = ask(HostGate(echo), headers={"Host": "localhost:8080", "Origin": origin}, **HERE)
    assert (sent.status, sent.json["code"]) == (403, "cross_origin")


@pytest.mark.parametrize(
    ("site", "expected"), [("cross-site", 403), ("same-site", 403), ("none", 200), ("same-origin", 200)]
)
def test_what_a_browser_says_of_the_site_counts(site, expected):
    assert status(HostGate(echo), {"Host": "localhost", "Sec-Fetch-Site": site}, **HERE) == expected


def test_reading_across_origins_is_kept_by_the_browser():
    """It gets no permission to hand the answer on, so that a link from another page may still lead here."""
    link = {"Host": "localhost", "Sec-Fetch-Site": "cross-site"}
    sent = ask(HostGate(echo), headers=link, method="GET", path="/", **HERE)
    assert sent.status == 200
    assert not any("access-control" in name for name in sent.headers)


def test_names_are_brought_to_one_form():
    assert [name_of(each) for each in ("::1", "[::1]", "LOCALHOST", "a.b:80", "1.2.3.4", "[::1]:80", "a.")] == [
        *("[::1]", "[::1]", "localhost", "a.b", "1.2.3.4", "[::1]", "a")
    ]
