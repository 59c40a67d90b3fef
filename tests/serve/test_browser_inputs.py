"""What people bring to the page in a browser: pictures that are pasted and dropped, tables, rows and texts."""

import base64
from itertools import pairwise

import numpy as np
import pytest
from serve.browsing import browser, served, visit  # noqa: F401  # a fixture
from serve.pages import CHIRP, TEXT, WINE, XRAY, model

import onnxplain as ox

OPACITY = XRAY / "opacity_marked.png"


@pytest.fixture(scope="module")
def address():
    with served("xray", "wine", samples=XRAY) as (found, _):
        yield found


BRING = """([name, data]) => {
  const given = new DataTransfer();
  given.items.add(new File([Uint8Array.from(atob(data), (each) => each.charCodeAt(0))], name, { type: "image/png" }));
  const paste = new ClipboardEvent("paste", { clipboardData: given, bubbles: true, cancelable: true });
  const drop = new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true });
  document.body.dispatchEvent(name.startsWith("pasted") ? paste : drop);
}"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pasted.png", "dropped.png"])
def test_a_picture_is_pasted_or_dropped(browser, address, name):  # noqa: F811
    with visit(browser, address) as seen:
        page = seen.open("#model=xray").page
        page.locator(".sample").first.wait_for()
        page.evaluate(BRING, [name, base64.b64encode(OPACITY.read_bytes()).decode()])
        assert seen.explained().text(".verdict").startswith("opacity") and name in seen.text(".original")


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
def test_rows_of_a_table_are_shown_one_by_one_or_together(browser, address, tmp_path):  # noqa: F811
    rows = np.load(WINE) * np.linspace(0.6, 1.2, 3, dtype=np.float32)[:, None]
    np.save(tmp_path / "wines.npy", rows)
    found = [ox.explain(model("wine"), rows[i : i + 1], "deeplift") for i in range(3)]
    with visit(browser, address) as seen:
        page = seen.open('#model=wine&e=["deeplift"]').page
        page.locator("input[type=file]").set_input_files(tmp_path / "wines.npy")
        for i in (0, 2):
            page.get_by_label("Row").select_option(str(i))
            page.get_by_text(f"score {found[i].score[0]:.3g}", exact=True).wait_for()
            assert seen.explained().text(".verdict").startswith(found[i].labels[0])
            assert page.locator(".fields input").first.input_value() == f"{float(str(rows[i, 0])):g}"
        page.get_by_label("Row").select_option("all")
        page.locator(".verdict", has_text="of 3 rows").wait_for()
        assert "row=all" in page.url and not page.locator("#tools").is_visible()


@pytest.mark.slow
def test_a_sound_is_its_curve(browser):  # noqa: F811
    with served("sounds") as (address, _), visit(browser, address, viewport={"width": 360, "height": 740}) as seen:
        page = seen.open().page
        page.locator("input[type=file]").set_input_files(CHIRP)
        assert seen.explained().text(".verdict").startswith("chirp 99.7 %") and seen.text(".ends") == "0 s 0.5 s"
        assert page.locator(".curve").evaluate("each => each.naturalWidth") > 900
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


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
def test_an_input_stays_where_another_version_of_the_model_is_chosen(browser):  # noqa: F811
    e = ox.explain(model("cut"), OPACITY, "grad_cam", 0)
    with served("xray", "cut", "wine") as (address, _), visit(browser, address) as seen:
        page = seen.open('#model=xray&opacity=30&e=["grad_cam",0]').page
        page.locator("input[type=file]").set_input_files(OPACITY)
        seen.explained()
        page.locator("#model").select_option("cut")
        page.locator(".unseen").wait_for()  # what the other model does not see
        assert f"score {e.score[0]:.3g}" in seen.explained().text(".verdict")
        assert "opacity=30" in page.url and "model=cut" in page.url
        page.locator("#model").select_option("wine")
        page.locator(".fields").wait_for()
        assert not page.locator(".panel").count() and "lrp.epsilon_plus_flat" in page.url
