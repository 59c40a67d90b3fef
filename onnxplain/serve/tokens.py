"""Who may ask: bearer tokens (RFC 6750)."""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxplain.errors import UsageError
from onnxplain.serve.answers import refuse
from onnxplain.serve.asgi import OPEN, header, is_open
from onnxplain.serve.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from onnxplain.serve.asgi import App, Receive, Scope, Send

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_CHALLENGE = (b"www-authenticate", b'Bearer realm="onnxplain"')


class Tokens:
    """Tokens of which one is asked for.

    Only their sha256 is kept. All of them are compared, each in constant time, so that the time that it takes says
    nothing about how much of a guess was right, nor about which token it was like.

    Raises UsageError where there are none, and for one that cannot be sent as a bearer token. The message does not
    repeat it.
    """

    def __init__(self, tokens: Iterable[str], source: str = "token") -> None:
        given = list(tokens)
        if not given:
            raise UsageError(f"{source}: no token; expected one a line, with # before a comment")
        for number, token in enumerate(given, 1):
            if not _TOKEN.fullmatch(token):
                raise UsageError(
                    f"{source}: token {number} cannot be sent in a header; expected letters, digits and any of "
                    '-._~+/, then any number of "=", as of: openssl rand -hex 32'
                )
        self._digests = [_digest(token.encode()) for token in given]

    @classmethod
    def read(cls, path: str | Path) -> Tokens:
        """Read tokens from a file, one a line; "#" starts a comment, and blank lines do not count.

        Raises UsageError for a file that cannot be read or has no token.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else "it is not a text in UTF-8"
            raise UsageError(f"token file {path}: {why}") from problem
        lines = (line.partition("#")[0].strip() for line in text.splitlines())
        return cls([line for line in lines if line], f"token file {path}")

    def has(self, token: bytes) -> bool:
        """Whether a token that was sent is one of these."""
        sent = _digest(token)
        return sum(hmac.compare_digest(sent, known) for known in self._digests) > 0


def describe(made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return a description of OpenAPI, as it is made, that says what needs a token too: all but what is open."""
    description = made()
    description.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    description["security"] = [{"token": []}]
    for path in OPEN & set(description["paths"]):
        for operation in description["paths"][path].values():
            operation["security"] = []
    return description


class TokenGate:
    """Lets a request pass that brings a token, and those for health and for the page, which need none."""

    def __init__(self, app: App, tokens: Tokens) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope) or self._bears(scope):
            await self._app(scope, receive, send)
            return
        # the same answer whatever was wrong: none, another scheme, an unknown one
        refusal = Refusal(401, "token", 'a token is needed, in a header "Authorization: Bearer <token>"')
        await refuse(refusal, scope, receive, send, extra=[_CHALLENGE])

    def _bears(self, scope: Scope) -> bool:
        sent = header(scope, b"authorization")
        scheme, _, token = (sent[0] if len(sent) == 1 else b"").partition(b" ")
        known = self._tokens.has(token.strip())
        return known and scheme.lower() == b"bearer"


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
