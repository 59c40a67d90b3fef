"""What goes wrong on the page in a browser, what is stopped, and who has no token."""

import time

import pytest
from serve.browsing import browser, served, visit  # noqa: F401  # a fixture
from serve.pages import XRAY

SAMPLE = "#model=xray&sample=opacity_marked.png"


@pytest.fixture(scope="module")
def address():
    with served("xray", "wine", samples=XRAY) as (found, _):
        yield found


@pytest.mark.slow
def test_what_goes_wrong_is_said_in_one_sentence(browser):  # noqa: F811
    with (
        served("xray", samples=XRAY, request_bytes=50_000, seconds=3) as (address, end),
        visit(browser, address) as seen,
    ):
        page = seen.open("#model=xray").page
        field = page.locator("input[type=file]")
        field.set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7"})
        assert "a.pdf: the kind of this file is not known" in seen.text(".panel [role=alert]")
        asked = len(seen.requests)
        field.set_input_files({"name": "large.png", "mimeType": "image/png", "buffer": bytes(60_000)})
        assert "large.png has 59 kB, and this service takes 49 kB at most." in seen.text("#trouble [role=alert]")
        assert len(seen.requests) == asked
        page.locator(".sample").nth(2).click()
        seen.explained().page.locator(".panel select").first.select_option("lime")
        page.locator(".parameters summary").click()
        page.get_by_label("samples").fill("1000000")
        page.keyboard.press("Tab")
        assert "samples" in seen.text(".panel [role=alert]") and "10000" in seen.text(".panel [role=alert]")
        page.locator(".panel select").first.select_option("rise")
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped.").wait_for()
        end()
        page.get_by_role("button", name="Try again").click()
        page.get_by_text("The service does not answer.").wait_for()


@pytest.mark.slow
def test_a_service_that_is_busy_may_be_asked_again(browser, address):  # noqa: F811
    refused = {"error": "9 requests are waiting already; try again later", "code": "busy", "request_id": "a"}
    with visit(browser, address) as seen:
        seen.page.route("**/explain?*", lambda route: route.fulfill(status=429, json=refused), times=1)
        page = seen.open(SAMPLE).page
        told = "9 requests are waiting already; try again later. It is busy with other requests. Try again"
        assert seen.text(".panel [role=alert]") == told
        page.get_by_role("button", name="Try again").click()
        assert seen.explained().text(".verdict").startswith("opacity")


@pytest.mark.slow
def test_what_is_stopped_is_not_computed_any_further(browser):  # noqa: F811
    with served("xray", samples=XRAY, steps=10**7) as (address, end), visit(browser, address) as seen:
        endless = 'e=["smoothgrad",null,{"samples":1000000}]'
        page = seen.open(f"{SAMPLE}&{endless}").page
        page.get_by_text("Explaining").wait_for()
        assert waits_until(lambda: end.service.accepted == 1)
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Stopped.").wait_for()
        assert waits_until(lambda: end.service.accepted == 0)
    # the service ends within the time that `served` gives it, since nothing is computed any more


def waits_until(holds):
    """Whether something holds within a few seconds."""
    end = time.monotonic() + 20
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


@pytest.mark.slow
def test_a_token_is_asked_for_and_kept_in_the_tab_alone(browser):  # noqa: F811
    with served("wine", tokens=["open-sesame"]) as (address, _), visit(browser, address) as seen:
        page = seen.open().page
        page.get_by_label("Token", exact=True).fill("sesame")
        page.keyboard.press("Enter")
        page.get_by_text("That token is not known here.").wait_for()
        page.get_by_label("Token", exact=True).fill("open-sesame")
        page.keyboard.press("Enter")
        page.locator(".fields input").first.wait_for()
        assert page.evaluate("[Object.values(sessionStorage), Object.values(localStorage), document.cookie]") == [
            ["open-sesame"],
            [],
            "",
        ]
        assert not any("sesame" in url for url in [*seen.requests, page.url])
        page.goto(f"{address}docs")
        page.locator(".operation").first.wait_for()
