"""Keys and consumer names as stores keep them: readable where possible, of bounded length always.

Not here: where a key comes from (`worker/`).
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["MAX_LENGTH", "storable"]

MAX_LENGTH: Final = 200
"""Longer texts are stored as their digest. Twice 200 characters fit any index: PostgreSQL's limit is 2,704 bytes."""

_DIGEST: Final = "sha256:"


def storable(text: str) -> str:
    """Return `text`, or its SHA-256 where a store could not hold it: too long, a NUL, half a surrogate pair.

    Different texts stay different: what looks like a digest already is digested too.
    """
    if len(text) > MAX_LENGTH or "\0" in text or text.startswith(_DIGEST):
        return _digest(text)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _digest(text)
    return text


def _digest(text: str) -> str:
    return _DIGEST + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
