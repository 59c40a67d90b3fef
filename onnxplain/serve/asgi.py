"""The words of ASGI, and what several layers around the application read of a request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""The methods of HTTP that change nothing and have nothing computed."""

OPEN = frozenset({"/", "/docs", "/v2/health/live", "/v2/health/ready"})
"""What anybody may read: the page and health."""
_STATIC = "/static/"


def header(scope: Scope, name: bytes) -> list[bytes]:
    """Return the values of a header, which is named in lower case, in the order in which they were sent."""
    return [value.strip() for each, value in scope["headers"] if each.lower() == name]


def path_of(scope: Scope) -> str:
    """Return the path of a request below the place where the application is mounted."""
    path, root = str(scope["path"]), str(scope.get("root_path", "")).rstrip("/")
    return path[len(root) :] if root and (path + "/").startswith(root + "/") else path


def is_open(scope: Scope) -> bool:
    """Whether a request is for what anybody may see: health, and the page with its files."""
    path = path_of(scope)
    return scope["method"] in READING and (path in OPEN or path.startswith(_STATIC))
