"""A browser on a real service: Chromium by Playwright, and uvicorn in a thread of this process."""

from __future__ import annotations

import shutil
import threading
import time
from contextlib import contextmanager

import pytest
from serve.pages import model

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def served(*names, samples=None, tokens=None, **limits):
    """Serve models on a free port, and yield the address of the page, and the service: a function that ends it."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn, which runs the service, is not installed")
    from onnxplain.serve import Limits, app
    from onnxplain.serve.tokens import Tokens

    made = app(
        {name: model(name) for name in names},
        Limits(**limits),
        samples=samples,
        tokens=None if tokens is None else Tokens(tokens),
    )
    server = uvicorn.Server(uvicorn.Config(made, host="127.0.0.1", port=0, log_level="error"))
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)

    def end():
        server.should_exit = True
        thread.join(20)

    end.service = made.state.service
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/", end
    finally:
        end()


class Visit:
    """A tab of the browser. It notes each request, and each error of the page's own."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.requests, self.errors = [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, fragment=""):
        self.page.goto("about:blank")
        self.page.goto(self.address + fragment)
        return self

    def explained(self, panels=1):
        """Wait until so many panels have something to show."""
        self.page.locator(".panel .verdict").nth(panels - 1).wait_for()
        self.page.locator(".busy").first.wait_for(state="detached")
        return self

    def text(self, selector):
        """The words of an element, in one line."""
        return " ".join(self.page.locator(selector).first.inner_text().split())


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright, which drives the browser, is not installed"
    )
    if CHROMIUM is None:
        pytest.skip("Chromium, the browser of these tests, is not installed")
    with sync_api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@contextmanager
def visit(browser, address, **context):
    """Open a tab; when it is closed, nothing of it may have asked another host, nor failed by itself."""
    opened = browser.new_context(**context)
    opened.set_default_timeout(20_000)
    seen = Visit(opened.new_page(), address)
    yield seen
    opened.close()
    assert not seen.errors
    strangers = [url for url in seen.requests if not url.startswith((address, "data:", "blob:", "about:"))]
    assert not strangers and seen.requests
