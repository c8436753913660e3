"""The reference that travels in place of a body. It is JSON, and its content type says what it is.

Not here: the body's store (`store.py`).

It stands in the body and not in headers, because a dead letter may have to drop headers, and never its body.
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from warren.contracts.properties import Properties
from warren.errors import Undecodable

__all__ = ["REFERENCE_TYPE", "Reference", "is_reference", "new_key"]

REFERENCE_TYPE: Final = "application/vnd.warren.claim-check+json"

# A key is part of a path, and whoever may publish may write one: nothing but what `new_key` makes is read.
_KEY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9a-f]{32}", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LARGEST: Final = 10_000  # bytes; ours has some 250


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a body is, and what it must be: `size` is in bytes, `sha256` in hexadecimal."""

    key: str
    size: int
    sha256: str
    content_type: str | None

    def to_json(self) -> bytes:
        """Write it as the body of a message."""
        told = {"claim_check": self.key, "size": self.size, "sha256": self.sha256, "content_type": self.content_type}
        return json.dumps(told, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Reference:
        """Read it. Raises `Undecodable` where it is none that Warren wrote."""
        if len(body) > _LARGEST:
            raise Undecodable(f"the reference to its body has {len(body):,} bytes, so it is none")
        try:
            told: Any = json.loads(body)
            key, size, sha256, content_type = (told[name] for name in ("claim_check", "size", "sha256", "content_type"))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise Undecodable(f"the reference to its body cannot be read: {type(error).__name__}") from error
        if not (isinstance(key, str) and _KEY.fullmatch(key) and isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
            raise Undecodable("the reference to its body has a key or a SHA-256 that Warren does not write")
        if type(size) is not int or size < 0 or not isinstance(content_type, str | None):
            raise Undecodable("the reference to its body has a size or a content type that Warren does not write")
        return cls(key, size, sha256, content_type)


def is_reference(properties: Properties) -> bool:
    """Tell whether a message has a reference in place of its body."""
    return properties.content_type == REFERENCE_TYPE


def new_key(now: float) -> str:
    """Return a key nobody has: the day, by which old bodies are found, and a random part."""
    return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}/{uuid.uuid4().hex}"
