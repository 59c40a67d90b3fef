"""Every example of the documentation runs as it stands, and says what the page says that it does."""

from __future__ import annotations

import re

import pytest
from docs.pages import PAGES, examples, folder, run, run_page
from nets import ROOT


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch):
    folder(tmp_path, monkeypatch)
    run_page(page, {"__name__": "page"})


def test_the_commands_of_an_auditor_in_the_readme_run(tmp_path, monkeypatch):
    pytest.importorskip("jinja2", reason="reports are written with Jinja")
    folder(tmp_path, monkeypatch)
    block = next(each for each in examples("../README.md") if "onnxplain audit" in each.text)
    run(block, "README.md", {})
    assert (tmp_path / "runs" / "v1" / "report.html").exists()


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page):
    text = (ROOT / "docs" / page).read_text()
    for link in re.findall(r"\]\(([\w/.-]+\.(?:md|svg|png))(?:#[\w-]+)?\)", text):
        there = (ROOT / "docs" / link).resolve()
        assert there.exists() and there.is_relative_to(ROOT / "docs"), f"{link}: the built pages have no such file"


def test_each_page_stands_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2]
    assert sorted(re.findall(r"\b(\w+\.md)\b", navigation)) == PAGES
