"""The page as people use it, in Chromium: what is seen is what the library says, whatever it is reached by."""

import io
import json
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image
from serve.browsing import browser, served, visit  # noqa: F401  # a fixture
from serve.pages import XRAY, model

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
def test_every_control_has_a_name(browser, address):  # noqa: F811
    unnamed = """() => [...document.querySelectorAll("button, select, input, textarea, summary, a[href]")]
      .filter((each) => !(each.labels?.[0]?.textContent ?? each.getAttribute("aria-label") ?? each.textContent).trim())
      .map((each) => each.outerHTML)"""
    with visit(browser, address) as seen:
        page = seen.open(f'{SAMPLE}&e=["grad_cam"]&e=["lime",1,{{"samples":50}}]').explained(2).page
        assert page.evaluate(unnamed) == []
        assert page.locator("img:not([alt])").count() == 0
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((each) => each.id)")
        assert len(set(ids)) == len(ids)
        page.get_by_role("button", name="Enlarge: opacity, by grad_cam").click()
        assert page.locator("dialog .stack img").count() == 3
        page.keyboard.press("Escape")
        assert page.locator("dialog").count() == 0
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Enlarge: opacity, by grad_cam"
