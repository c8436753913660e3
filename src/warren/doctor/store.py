"""Looks at the store of idempotency keys, as a worker's start does.

Not here: the stores (`reliability/stores/`), and what is judged of it (`checks/idempotency.py`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from warren.doctor.facts import StoreFacts
from warren.errors import ConfigurationError, StoreUnavailable
from warren.reliability.idempotency import TransactionalStore

if TYPE_CHECKING:
    from warren.reliability.idempotency import IdempotencyStore

__all__ = ["look_at_store"]


def look_at_store(url: str, open_store: Callable[[], IdempotencyStore]) -> StoreFacts:
    """Open a store and ask whether it can be used.

    Tables that are missing in a database are created, as a worker would; a file of SQLite's that is missing is not.
    """
    where = f"store {url.partition(':')[0]}"  # of the rest, some is secret
    try:
        store = open_store()
    except ConfigurationError as error:
        return StoreFacts(where=where, failure=str(error), is_refusal=True)
    try:
        failure, is_refusal = _failure(url, store)
    finally:
        store.close()
    return StoreFacts(
        where=where,
        failure=failure,
        is_refusal=is_refusal,
        is_in_memory=url.startswith("memory:"),
        has_transactions=isinstance(store, TransactionalStore),
    )


def _failure(url: str, store: IdempotencyStore) -> tuple[str | None, bool]:
    file = Path(url.removeprefix("sqlite:///").partition("?")[0]) if url.startswith("sqlite:") else None
    if file is not None and not file.exists():
        folder = file.absolute().parent
        return (None if os.access(folder, os.W_OK) else f"nothing can be written into {folder}"), True
    try:
        store.prepare()
    except ConfigurationError as error:
        return str(error), True
    except StoreUnavailable as error:
        return str(error), False
    return None, False
