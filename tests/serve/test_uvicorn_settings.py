import json
import logging.config
import subprocess
import sys

import pytest

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")
import uvicorn
from serve.asking import echo, limits

from onnxplain.serve.uvicorn_settings import uvicorn_settings
from onnxplain.serve.wire import Wire


def test_uvicorn_takes_them(monkeypatch):
    monkeypatch.setattr(logging.config, "dictConfig", lambda _: None)
    config = uvicorn.Config(echo, **uvicorn_settings(limits(waiting=3, seconds=2.5)))
    config.load()
    assert config.http_protocol_class is Wire
    assert config.ws_protocol_class is None
    assert config.limit_concurrency > 3
    assert config.timeout_graceful_shutdown > 2.5


def test_everything_that_is_said_is_one_object_a_line():
    code = (
        "import logging, logging.config, sys; from onnxplain.serve.uvicorn_settings import LOGGING\n"
        "logging.config.dictConfig(LOGGING)\n"
        "logging.getLogger('uvicorn.error').info('up\\nand \\x1b[31mrunning')\n"
        "logging.getLogger('else').info('not said')\n"
        "try: 1 / 0\nexcept ZeroDivisionError: logging.getLogger('else').exception('broken')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    up, broken = (json.loads(line) for line in done.stderr.splitlines())
    assert (up["message"], up["level"]) == ("up\nand \x1b[31mrunning", "info")
    assert "ZeroDivisionError" in broken["traceback"]
    assert done.stderr.isascii()
