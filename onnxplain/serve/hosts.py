"""By which name the service was asked, and by which page: what keeps other people's web pages out.

A page from anywhere can make a browser send requests to this machine. It can do so by a name of its own that it lets
point here (DNS rebinding), and then reads the answers too: the Host header shows it. Or it sends them across origins,
without reading the answers, but has something computed: the Origin header shows it.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from onnxplain.serve.answers import refuse
from onnxplain.serve.asgi import READING, header, is_open
from onnxplain.serve.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnxplain.serve.asgi import App, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
ANY = "*"
"""The name in a list of hosts that stands for all."""
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?")
_PORTS = {"http": "80", "https": "443"}


class HostGate:
    """Lets a request pass that came under a known name and from no other page.

    hosts: the names, without ports, beside those of the loopback; "*" stands for any name. With None, names do not
    matter but for what arrives at the loopback address, where only its own names are known. Health is answered under
    any name.
    """

    def __init__(self, app: App, hosts: Iterable[str] | None = None) -> None:
        self._app = app
        self._names = None if hosts is None else {name_of(each) for each in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._app(scope, receive, send)
        else:
            await refuse(refusal, scope, receive, send)

    def _refusal(self, scope: Scope) -> Refusal | None:
        hosts = header(scope, b"host")
        host = _HOST.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
        if hosts and host is None:
            return Refusal(400, "bad_host", 'expected one "Host" header, with a name and perhaps a port')
        # HTTP/1.0 has no Host, and no browser speaks it
        if host is not None and not is_open(scope) and not self._knows(host["name"].lower().rstrip("."), scope):
            message = "the service is not known by the name in the Host header; its option --allow-host adds names"
            return Refusal(403, "unknown_host", message)
        if scope["method"] not in READING and _crosses(scope, host):
            return Refusal(403, "cross_origin", "a page of another origin may not have anything computed here")
        return None

    def _knows(self, name: str, scope: Scope) -> bool:
        if self._names is None:
            return name in LOOPBACK or not _arrived_at_loopback(scope)
        return ANY in self._names or name in LOOPBACK or name in self._names


def name_of(host: str) -> str:
    """Return a host as it stands in a Host header, without a port: an IPv6 address in brackets, in lower case."""
    bare = host.strip().lower().rstrip(".")
    try:
        return f"[{bare}]" if ip_address(bare).version == 6 else bare
    except ValueError:
        found = _HOST.fullmatch(bare)
        return found["name"] if found else bare


def _arrived_at_loopback(scope: Scope) -> bool:
    server = scope.get("server") or ("",)
    try:
        address = ip_address(server[0])
    except ValueError:  # a name, or the path of a socket
        return False
    return bool((getattr(address, "ipv4_mapped", None) or address).is_loopback)


def _crosses(scope: Scope, host: re.Match[str] | None) -> bool:
    """Whether a browser says that a page of another origin sends this. What is no browser says nothing."""
    if header(scope, b"sec-fetch-site") not in ([], [b"same-origin"], [b"none"]):
        return True
    origins = header(scope, b"origin")
    if not origins:
        return False
    try:
        origin = urlsplit(origins[0].decode("latin-1"))
        port = origin.port
    except ValueError:
        return True
    if len(origins) > 1 or host is None or origin.scheme not in _PORTS:
        return True
    # the scheme is the browser's: a proxy in front may speak TLS with it, and not with this service
    default = _PORTS[origin.scheme]
    name = f"[{origin.hostname}]" if ":" in (origin.hostname or "") else origin.hostname
    return (name, str(port or default)) != (host["name"].lower(), host["port"] or default)
