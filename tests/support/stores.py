"""The four kinds of store under test, and their URLs.

Not here: the servers, which are fixtures of tests/conftest.py.
"""

from __future__ import annotations

import pytest

from warren.reliability.idempotency import Claim, IdempotencyStore

__all__ = ["DAY", "SHARED", "SQL", "STORES", "claim", "look", "url_of"]

STORES = ("memory", "sqlite", "postgres", "redis")
SHARED = ("sqlite", "postgres", "redis")
"""Those that several processes can use at once."""
SQL = ("sqlite", "postgres")
"""Those with the transactional inbox."""

DAY = 86_400.0


def url_of(kind: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty store of the asking test's own."""
    match kind:
        case "memory":
            return "memory://"
        case "sqlite":
            return f"sqlite:///{request.getfixturevalue('tmp_path')}/warren.db"
        case _:
            return str(request.getfixturevalue(f"{kind}_url"))


def claim(store: IdempotencyStore, key: str, *, consumer: str = "billing", lease: float = 60.0) -> Claim:
    """Claim a key that is free."""
    [result] = store.claim_many(consumer, [key], lease=lease)
    assert isinstance(result, Claim), result
    return result


def look(store: IdempotencyStore, key: str, *, consumer: str = "billing") -> type:
    """Return the type of the answer to a claim; claims the key where it is free."""
    [result] = store.claim_many(consumer, [key], lease=60.0)
    return type(result)
