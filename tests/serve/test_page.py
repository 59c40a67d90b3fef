"""The files of the page: all are there, all are used, and none asks another host for anything."""

import re

import pytest
from serve.pages import client, model

from onnxplain.serve.page import FILES, MEDIA

STATIC = sorted(FILES.iterdir())


@pytest.fixture(scope="module")
def asked():
    with client("wine") as made:
        yield made


@pytest.mark.parametrize(("address", "says"), [("/", "Explanations"), ("/docs", "What this service answers")])
def test_pages_load_files_that_there_are(asked, address, says):
    page = asked.get(address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html") and says in page.text
    for name in re.findall(r'(?:href|src)="static/([^"]+)"', page.text):
        assert (
            asked.get(f"/static/{name}").headers["content-type"].split(";")[0] == MEDIA[f".{name.rpartition('.')[2]}"]
        )


def test_who_asks_for_no_page_learns_that_the_service_is_alive(asked):
    for accept in ("*/*", "application/json", "application/json, text/html;q=0.5"):
        answer = asked.get("/", headers={"Accept": accept})
        assert answer.json() == {"status": "alive"} and answer.headers["vary"] == "Accept"


def test_every_file_is_used_and_every_import_is_there(asked):
    used, waiting = set(), ["index.html", "docs.html"]
    while waiting:
        name = waiting.pop()
        if name not in used:
            used.add(name)
            waiting += re.findall(r'(?:"static/|from "\./)([^"]+)"', (FILES / name).read_text(encoding="utf-8"))
    assert used == {each.name for each in STATIC}
    assert asked.get("/static/../page.py").status_code == asked.get("/static/page.py").status_code == 404


def test_it_is_found_below_the_place_where_the_application_is_mounted():
    testclient = pytest.importorskip("starlette.testclient")
    from starlette.applications import Starlette
    from starlette.routing import Mount

    from onnxplain.serve import app

    outer = testclient.TestClient(Starlette(routes=[Mount("/ai/explain", app(model("wine")))]))
    for address in ("", "static/page.js", "docs", "page/models"):
        assert outer.get(f"/ai/explain/{address}", headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200
    assert not [
        each for each in STATIC if re.search(r'(?:href=|src=|ask\(|fetch\()"/', each.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("file", STATIC, ids=lambda each: each.name)
def test_no_file_asks_another_host_or_needs_a_looser_policy(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300, "one idea per file"
    assert not re.search(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", text.replace("http://www.w3.org/2000/svg", ""))
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text)
    if file.suffix == ".html":
        assert not re.search(r"<style|style=|\son[a-z]+=|<script(?![^>]*\bsrc=)", text)


def test_no_page_of_documentation_loads_a_program_from_elsewhere(asked):
    assert asked.get("/redoc").status_code == 404
    paths = asked.get("/openapi.json").json()["paths"]
    assert {"/explain", "/predict", "/page/models"} <= set(paths) and "/static/{name}" not in paths
    media = paths["/explain"]["post"]["responses"]["200"]["content"]
    assert set(media) == {"image/png", "application/json", "application/x-npz"}
