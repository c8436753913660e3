"""The body of a message as someone who looks at it can read it: JSON, text, or bytes.

Not here: contracts (`contracts/`), and keeping every byte (`capture.py`).
"""

from __future__ import annotations

import base64
import enum
import json
from typing import Any, Final, NamedTuple

__all__ = ["Body", "BodyKind", "json_of_body", "read_body"]

MOST_PARSED: Final = 16 * 1024 * 1024


class BodyKind(enum.StrEnum):
    """What a body turned out to be."""

    JSON = "json"
    TEXT = "text"
    BINARY = "binary"


class Body(NamedTuple):
    """A body that was read: `value` is what the JSON holds, the text, or the bytes."""

    kind: BodyKind
    value: Any


def read_body(body: bytes, content_encoding: str | None = None) -> Body:
    """Read a body as JSON, else as UTF-8, else leave it as it is; never raises. What is compressed stays so."""
    if content_encoding and content_encoding.lower() not in ("utf-8", "utf8", "identity"):
        return Body(BodyKind.BINARY, body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Body(BodyKind.BINARY, body)
    if "\0" in text:
        return Body(BodyKind.BINARY, body)
    if len(body) <= MOST_PARSED:
        try:
            return Body(BodyKind.JSON, json.loads(text, parse_constant=_refuse))
        except (ValueError, RecursionError):
            pass
    return Body(BodyKind.TEXT, text)


def json_of_body(body: bytes, content_encoding: str | None = None) -> dict[str, Any]:
    """Return the member that holds a body in JSON: `body`, `body_text` or `body_base64`."""
    kind, value = read_body(body, content_encoding)
    match kind:
        case BodyKind.JSON:
            return {"body": value}
        case BodyKind.TEXT:
            return {"body_text": value}
        case BodyKind.BINARY:
            return {"body_base64": base64.b64encode(value).decode()}


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
