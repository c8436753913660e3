"""What a store of bodies has to do, and how one is named by URL.

Not here: the store in a folder (`files.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from warren.errors import ConfigurationError

__all__ = ["BodyStore", "open_bodies"]

_EXAMPLE: Final = "write file:///srv/bodies, or pass an object with put and get"


class BodyStore(Protocol):
    """Keeps bodies under keys. Called from several threads, never from the I/O thread or an event loop.

    What a method raises besides `BodyMissing` counts as an outage, as `StoreUnavailable` does.
    """

    def put(self, key: str, body: bytes) -> None:
        """Keep a body under a key that is new. It must be as safe as the broker's messages when this returns."""

    def get(self, key: str, size: int) -> bytes:
        """Return the body. One that has more than `size` bytes need not be read further than that.

        Raises `BodyMissing` where there is none, which must be certain: an outage is no missing body.
        """


def open_bodies(url: str) -> BodyStore:
    """Return the store a URL names. Raises `ConfigurationError`."""
    from warren.claim_check.files import FileBodies

    parts = urlsplit(url)
    if parts.scheme != "file":
        shown = repr(parts.scheme) if parts.scheme else "no scheme"
        raise ConfigurationError(f"the claim check's store starts with {shown}; {_EXAMPLE}")
    if parts.netloc or not parts.path.startswith("/") or parts.query or parts.fragment:
        raise ConfigurationError(f"the claim check's store {url!r} is no absolute path; {_EXAMPLE}")
    return FileBodies(Path(unquote(parts.path)))
