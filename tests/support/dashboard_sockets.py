"""The socket of a dashboard's page without its browser: what the page's script would send, and worse.

Not here: browsers (`browser.py`), and the dashboard (`dashboards.py`).
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.support.dashboards import DashboardUnderTest

__all__ = ["close_code", "emit", "greet", "listeners_of", "page_id", "socket_of"]


def page_id(html: str) -> str:
    found = re.search(r"'client_id': '([-0-9a-f]+)'", html)
    assert found, html
    return found[1]


@contextmanager
def socket_of(
    dashboard: DashboardUnderTest, page: str, *, query: str = "", path: str = "/_nicegui_ws/socket.io/", **headers: str
) -> Iterator[ClientConnection]:
    """Open a page's socket, as its script does; or with another query, or elsewhere."""
    base = f"{dashboard.base.replace('http', 'ws', 1)}{path}"
    query = query or f"implicit_handshake=true&next_message_id=0&document_id=d&tab_id=t&client_id={page}"
    origin = headers.pop("origin", dashboard.base)
    given = {**headers, **({"origin": origin} if origin else {})}
    with connect(f"{base}?EIO=4&transport=websocket&{query}", additional_headers=given, proxy=None) as opened:
        yield opened


def greet(opened: ClientConnection) -> None:
    """Go as far as Socket.IO's own handshake."""
    assert str(opened.recv(timeout=10)).startswith("0{")
    opened.send("40")
    while not str(opened.recv(timeout=10)).startswith("40{"):
        pass


def close_code(opened: ClientConnection) -> int | None:
    """Hear what is still said, and return the code that the socket is closed with."""
    try:
        while True:
            opened.recv(timeout=20)
    except ConnectionClosed as ended:
        return None if ended.rcvd is None else ended.rcvd.code


def listeners_of(shown: str) -> list[tuple[int, str]]:
    """Return every part of a page that listens to acts, with the listener's id: they are written into the page."""
    (written,) = re.findall(r"parseElements\(String\.raw`(.*?)`\)", shown, re.DOTALL)
    elements: dict[str, dict[str, Any]] = json.loads(html.unescape(written))
    return [
        (int(number), event["listener_id"])
        for number, element in elements.items()
        for event in element.get("events", ())
        if event["type"] == "act"
    ]


def emit(opened: ClientConnection, kind: str, told: object) -> None:
    """Send a message of Socket.IO."""
    opened.send(f"42{json.dumps([kind, told])}")
