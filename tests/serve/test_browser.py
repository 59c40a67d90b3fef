"""The page as people use it, in Chromium: what is seen is what the library says, whatever it is reached by."""

import io
import json
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from serve.browsing import browser, served, visit  # noqa: F401  # a fixture
from serve.pages import TEXT, WINE, XRAY, model

import onnxplain as ox
from onnxplain.show.view import view

OPACITY = XRAY / "opacity_marked.png"
SAMPLE = "#model=xray&sample=opacity_marked.png"


@pytest.fixture(scope="module")
def address():
    with served("xray", "wine", samples=XRAY) as (found, _):
        yield found


def link(page):
    """The settings of the link, as a dict; those of the panels as lists."""
    found = parse_qs(urlsplit(page.url).fragment)
    return {name: values[0] for name, values in found.items() if name != "e"}, list(map(json.loads, found.get("e", [])))


def saved(page, name):
    """The bytes of the file that a button saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return download.value.suggested_filename, download.value.path().read_bytes()


def fits(page):
    """Whether nothing stands beyond the right edge of the window."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_file_is_explained_compared_and_saved(browser, address):  # noqa: F811
    e = ox.explain(model("xray"), OPACITY, "lrp.epsilon_plus_flat")
    with visit(browser, address) as seen:
        page = seen.open().page
        page.locator("input[type=file]").set_input_files(OPACITY)
        assert seen.explained().text(".verdict").startswith("opacity > 99.9 %")
        assert "opacity" in seen.text(".classes li") and f"score {e.score[0]:.3g}" in seen.text(".verdict")
        assert e.conservation.line(0) in seen.text(".foot:has(.verdict)")
        page.get_by_label("Colours over the input").fill("25")
        assert page.locator(".heat").evaluate("each => getComputedStyle(each).opacity") == "0.25"
        name, data = saved(page, "Picture")
        record = json.loads(Image.open(io.BytesIO(data)).text["onnxplain"])
        assert name == "opacity_marked.lrp.epsilon_plus_flat.png" and record["attribution"] == e.record["attribution"]
        page.get_by_role("button", name="Compare another method").click()
        page.get_by_role("button", name="no finding").click()
        seen.explained(2)
        settings, panels = link(page)
        assert panels == [["lrp.epsilon_plus_flat", 0], ["grad_cam"]] and settings["opacity"] == "25"
        assert settings["input"] == e.record["input"]["files"][0][:16] and "opacity_marked" not in page.url


@pytest.mark.slow
def test_numbers_and_record_are_saved(browser, address):  # noqa: F811
    e = ox.explain(model("xray"), OPACITY, "lrp.epsilon_plus_flat")
    with visit(browser, address) as seen:
        page = seen.open(SAMPLE).explained().page
        stored = np.load(io.BytesIO(saved(page, "Numbers (npz)")[1]))
        np.testing.assert_array_equal(stored["attribution"], e.attribution)
        numbers = json.loads(saved(page, "Numbers (JSON)")[1])
        np.testing.assert_array_equal(np.float32(numbers["attribution"]["radiograph"]), e.attribution)
        name, record = saved(page, "Record")
        assert name.endswith(".record.json") and json.loads(record)["input"]["sha256"] == e.record["input"]["sha256"]


@pytest.mark.slow
def test_what_is_seen_is_the_panel_that_is_drawn(browser):  # noqa: F811
    e = ox.explain(model("cut"), OPACITY, "grad_cam")
    panel = view(e).panel()
    drawn = np.asarray(panel, int)
    with (
        served("cut", samples=XRAY) as (address, _),
        visit(browser, address, viewport={"width": 1600, "height": 1200}) as seen,
    ):
        page = seen.open('#model=cut&sample=opacity_marked.png&e=["grad_cam"]').explained().page
        stack = page.locator(".stack[role=img]")
        assert page.locator(".stack[role=img] img").count() == 4  # the photo, hatches, colours and lines
        place = (
            f"position: fixed; inset: 0 auto auto 0; width: {panel.width}px; height: {panel.height}px; border-radius: 0"
        )
        stack.evaluate("(each, place) => { each.style.cssText = place; }", place)
        shot = Image.open(io.BytesIO(stack.screenshot())).convert("RGB")
        assert shot.size == panel.size and np.abs(np.asarray(shot, int) - drawn).mean() < 1


@pytest.mark.slow
def test_a_link_shows_again_what_was_seen(browser, address):  # noqa: F811
    panels = 'e=["grad_cam",0]&e=["lrp.gamma",null,{"gamma":0.5}]'
    with visit(browser, address) as seen:
        page = seen.open(f"{SAMPLE}&opacity=80&lines=0&sign=positive&{panels}").explained(2).page
        first = [page.locator(each).nth(i).get_attribute("src") for i in (0, 1) for each in (".heat", ".photo")]
        url = page.url
        assert page.get_by_label("Colours over the input").input_value() == "80"
        assert (
            not page.locator(".lines").first.is_visible()
            and page.get_by_label("Show", exact=True).input_value() == "positive"
        )
        assert page.locator(".panel select").nth(2).input_value() == "lrp.gamma"
        seen.open(urlsplit(url)._replace(scheme="", netloc="", path="").geturl()).explained(2)
        assert page.url == url
        assert [page.locator(each).nth(i).get_attribute("src") for i in (0, 1) for each in (".heat", ".photo")] == first


@pytest.mark.slow
def test_a_link_of_a_file_knows_the_file_again(browser, address):  # noqa: F811
    with visit(browser, address) as seen:
        page = seen.open().page
        page.locator("input[type=file]").set_input_files(OPACITY)
        fragment = f"#{urlsplit(seen.explained().page.url).fragment}"
        assert "Choose that input" in seen.open(fragment).text(".note")
        page.locator("input[type=file]").set_input_files(OPACITY)
        seen.explained()
        assert not page.locator(".note").count()
        seen.open(fragment).page.locator("input[type=file]").set_input_files(XRAY / "clear.png")
        assert "another input" in seen.explained().text(".note")


@pytest.mark.slow
def test_all_is_done_by_keys_alone(browser, address):  # noqa: F811
    with visit(browser, address) as seen:
        page = seen.open("#model=xray").page
        page.locator(".sample").first.wait_for()

        def reach(what):
            """Go on by the tabulator key until the focus is there; it is seen where it is."""
            for _ in range(60):
                page.keyboard.press("Tab")
                if page.evaluate(f"document.activeElement.matches({what!r})"):
                    style = "getComputedStyle(document.activeElement)"
                    assert page.evaluate(f"{style}.outlineStyle") != "none" or "unseen" in what
                    return
            raise AssertionError(what)

        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the explanations"
        reach(".sample[title='opacity.png']")
        page.keyboard.press("Enter")
        seen.explained()
        reach("button.class[data-index='0']")
        page.keyboard.press("Enter")
        seen.explained()
        reach("#results input[type=range]")
        page.keyboard.press("ArrowLeft")
        assert "55 %" in seen.text(".tools")
        reach(".panel select[id^=method]")
        page.keyboard.type("grad_cam")
        seen.explained()
        assert page.evaluate("document.activeElement.value") == "grad_cam"
        reach(".more button")
        page.keyboard.press("Enter")
        seen.explained(2)
        assert page.evaluate("document.activeElement.matches('.panel select[id^=method]')")
        assert "opacity" in page.locator("#said").inner_text() or "no finding" in page.locator("#said").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_is_read_in_both_schemes(browser, address, scheme):  # noqa: F811
    phone = {"viewport": {"width": 360, "height": 740}, "color_scheme": scheme, "reduced_motion": "reduce"}
    with visit(browser, address, **phone) as seen:
        page = seen.open(f'{SAMPLE}&e=["grad_cam"]&e=["lime",1,{{"samples":50}}]').explained(2).page
        page.locator("summary").first.click()
        assert fits(page)
        ink, paper = (page.evaluate(f"getComputedStyle(document.body).{each}") for each in ("color", "backgroundColor"))
        assert contrast(ink, paper) >= 7
        for soft in page.locator(".line, .about, .unit").all()[:6]:
            assert contrast(soft.evaluate("each => getComputedStyle(each).color"), paper) >= 4.5
        assert page.locator(".turning").count() == 0 or page.evaluate("!document.getAnimations().length")
        assert fits(seen.open("#model=wine").page)
    with visit(browser, address, **phone) as seen:
        page = seen.open("docs").page
        page.locator(".operation").first.click()
        assert fits(page)


def contrast(a, b):
    """The contrast of two colours, rgb(r, g, b), by WCAG 2."""
    bright = []
    for each in (a, b):
        parts = np.array([float(part) for part in each.strip("rgb()").split(",")[:3]]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        bright.append(linear @ (0.2126, 0.7152, 0.0722))
    return (max(bright) + 0.05) / (min(bright) + 0.05)


@pytest.mark.slow
def test_a_table_is_a_form_and_bars(browser, address):  # noqa: F811
    values = np.load(WINE)[0]
    e = ox.explain(model("wine"), values[None], "lrp.epsilon_plus_flat")
    with visit(browser, address) as seen:
        page = seen.open("#model=wine").page
        fields = page.locator(".fields input")
        fields.first.wait_for()
        for i, value in enumerate(values.tolist()):
            fields.nth(i).fill(f"{value:.2f}")
        fields.nth(1).fill("much")
        page.get_by_role("button", name="Explain this row").click()
        assert "malic_acid: “much” is no number." in seen.text(".columns .trouble")
        fields.nth(1).fill(f"{values[1]:.2f}".replace(".", ","))
        page.get_by_role("button", name="Explain this row").click()
        assert seen.explained().text(".verdict").startswith("class_2")
        told = [float(each) for each in page.locator(".steps .number").all_inner_texts()]
        assert told[-1] == pytest.approx(e.score[0], rel=1e-2) and sum(told[:-1]) == pytest.approx(told[-1], rel=1e-2)
        parts = np.abs(told[1:-2])
        assert all(a >= b for a, b in pairwise(parts))


@pytest.mark.slow
def test_a_text_is_coloured_words(browser):  # noqa: F811
    with served("reviews") as (address, _), visit(browser, address) as seen:
        page = seen.open().page
        page.get_by_label("Text", exact=True).fill(TEXT)
        page.keyboard.press("Control+Enter")
        assert seen.explained().text(".verdict").startswith("negative")
        assert seen.text(".tokens").split()[1:-1] == TEXT.split()
        strongest = page.locator(".token", has_text="not").evaluate("each => getComputedStyle(each).backgroundColor")
        assert strongest == "rgb(178, 24, 43)"


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
