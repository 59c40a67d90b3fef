"""A connection to another server: requests in bounded time, with answers of bounded size, tried again while it is busy.

Connections are kept open and used again. Nothing is followed to another address, and no proxy is asked.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ProtocolError, ReadTimeoutError

from onnxplain.errors import PredictorError, UsageError
from onnxplain.stopping import check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST = 2**26
"""Bytes of an answer."""
_BUSY = (429, 503)
_FIRST_WAIT, _TICK = 0.1, 0.05
"""Seconds before it is tried again, twice as many each time unless the server says how many; and between two looks at a
stop."""
_CONNECT = 10.0
_PART = 2**16
_SHOWN = 200
_HOST = r"(?:\[[\da-fA-F:.]+\]|[\w.-]+)"
_ADDRESS = re.compile(rf"(?:(?P<scheme>https?)://)?(?P<rest>{_HOST}(?::\d+)?(?:/[^?#@\s]*)?)")


class Reply(NamedTuple):
    """What a server answered. headers: their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return what the body says. Raises ValueError where it is no JSON."""
        return json.loads(self.body)

    @property
    def said(self) -> str:
        """The error that a body states, or its beginning, in one short line."""
        try:
            found = self.json()
            text = next(str(found[key]) for key in ("error", "detail", "message") if key in found)
        except (ValueError, TypeError, StopIteration):
            text = self.body.decode("utf-8", "replace")
        return " ".join(text.split())[:_SHOWN] or "nothing more"


@dataclass(eq=False)
class Connection:
    """Asks one server, whose address is http://HOST:PORT, https:// or HOST:PORT, and may have a path.

    who: what messages call it. seconds: how long a request may take, with all that is tried again. retries: how often
    one is tried again, at most, that the server was too busy for, or that no connection took. headers: sent with each,
    such as Authorization. Raises UsageError for an address with a user, a password or a query, which a record would
    hold.
    """

    address: str
    who: str
    seconds: float
    retries: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    _pool: urllib3.PoolManager | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        found = _ADDRESS.fullmatch(self.address)
        if found is None:
            raise UsageError(
                "the address of a predictor is HOST:PORT, http:// or https://, without user, password or query; give "
                "credentials as headers"
            )
        self.address = f"{found['scheme'] or 'http'}://{found['rest'].rstrip('/')}"

    def get(self, path: str) -> Reply:
        """Return what is answered at a path."""
        return self._asked("GET", path, None, {})

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Return what is answered to a body."""
        return self._asked("POST", path, body, headers)

    def _asked(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Ask, again where it is busy. Raises PredictorError where it does not answer in time, or not at all."""
        deadline, tried = monotonic() + self.seconds, 0
        while True:
            said, wait = "", _FIRST_WAIT * 2**tried
            try:
                reply = self._once(method, path, body, headers, deadline)
            except _Unreached as problem:
                said = str(problem)
            else:
                if reply.status not in _BUSY:
                    return reply
                said, wait = f"answers {reply.status}: {reply.said}", _seconds(reply.headers.get("retry-after"), wait)
            tried += 1
            if tried > self.retries or monotonic() + wait > deadline:
                raise PredictorError(f"{self.who} {said}; it was asked {tried} times", reached=False)
            self._wait(wait)

    def _wait(self, seconds: float) -> None:
        """Wait, and end where nobody waits any more."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            check()
            sleep(min(left, _TICK))

    def _once(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], deadline: float) -> Reply:
        left = max(_TICK, deadline - monotonic())
        with self._telling():
            answer = self._opened().request(
                method,
                self.address + path,
                body=body,
                headers={"Accept-Encoding": "identity", **self.headers, **headers},
                timeout=urllib3.Timeout(connect=min(_CONNECT, left), read=left),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                found = self._read(answer, deadline)
            except BaseException:
                answer.close()
                raise
            answer.release_conn()
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, found)

    def _read(self, answer: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        parts, size = [], 0
        for part in answer.stream(_PART, decode_content=False):
            size += len(part)
            if size > MOST:
                raise PredictorError(f"{self.who} answers more than {MOST} bytes")
            if monotonic() > deadline:
                raise self._late()
            parts.append(part)
        return b"".join(parts)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn the errors of the client into those of this package."""
        try:
            yield
        except NewConnectionError as problem:  # a ConnectTimeoutError, too
            raise _Unreached(f"cannot be reached ({_reason(problem)})") from None
        except ConnectTimeoutError:
            raise _Unreached("does not take a connection") from None
        except ReadTimeoutError:
            raise self._late() from None
        except ProtocolError as problem:
            raise _Unreached(f"broke the connection off ({_reason(problem)})") from None
        except HTTPError as problem:
            raise PredictorError(f"{self.who} cannot be asked ({_reason(problem)})") from problem

    def _late(self) -> PredictorError:
        return PredictorError(f"{self.who} did not answer within {self.seconds:g} seconds", late=True)

    def _opened(self) -> urllib3.PoolManager:
        if self._pool is None:
            self._pool = urllib3.PoolManager(num_pools=1, maxsize=16)
        return self._pool

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_pool": None}


class _Unreached(Exception):  # noqa: N818  # it is tried again
    """No connection was made, or it broke."""


def _reason(problem: Exception) -> str:
    """Return what was wrong, without the address of an object."""
    cause = problem.__cause__ or problem.__context__ or problem
    text = " ".join(str(cause).split())
    return text[:_SHOWN] or type(cause).__name__


def _seconds(stated: str | None, otherwise: float) -> float:
    """Return the seconds of a header Retry-After; what is `otherwise` due where it says none."""
    return float(stated) if stated and stated.isascii() and stated.isdigit() and len(stated) < 6 else otherwise
