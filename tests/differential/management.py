"""A call of a broker's management API, without anything of the project in between.

Not here: which calls are made (vhosts.py, script.py).
"""

from __future__ import annotations

import base64
import http.client
import json
from typing import Any

__all__ = ["ManagementError", "management_call"]

_HEADERS = {
    "Authorization": "Basic " + base64.b64encode(b"guest:guest").decode(),
    "Content-Type": "application/json",
}
_PATIENCE = 30.0


class ManagementError(Exception):
    """The management API refused a call."""


def management_call(port: int, method: str, path: str, body: object = None) -> Any:
    """Call the management API and return its JSON; None for an empty answer and for 404."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request(method, f"/api/{path}", None if body is None else json.dumps(body), _HEADERS)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status == 404:
        return None
    if answer.status >= 400:
        raise ManagementError(f"{method} {path}: {answer.status} {content!r}")
    return json.loads(content) if content else None
