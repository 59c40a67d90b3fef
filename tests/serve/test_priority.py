"""Threads that compute have a lower priority than the event loop."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from pathlib import Path

import pytest
from serve.services import DIGITS, answered, service

from onnxplain.serve.limits import Limits
from onnxplain.serve.priority import LESS


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
@pytest.mark.skipif(os.getpriority(os.PRIO_PROCESS, 0) > 19 - LESS, reason="this process has a low priority itself")
def test_threads_that_compute_or_decode_leave_the_cores_to_the_loop():
    def niceness(thread):
        return int(Path(f"/proc/self/task/{thread}/stat").read_text().rpartition(")")[2].split()[16])

    async def ask():
        async with service(DIGITS) as made:
            helper = await made.in_thread(threading.get_native_id)
            computing = [each.native_id for each in made._work._threads]
            await asyncio.sleep(0.05)
            return [niceness(each) - niceness(threading.get_native_id()) for each in (helper, *computing)]

    assert answered(ask()) == [LESS] * (1 + Limits().at_once)
