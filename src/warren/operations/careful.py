"""Wishes that leave messages where they are, with care for those: a quorum queue counts what is passed over.

Not here: what is known of the queue (`knowledge.py`), and what follows from it (`caution.py`).
"""

from __future__ import annotations

from warren.errors import ConfigurationError
from warren.operations.caution import Caution
from warren.operations.drain import Matches, Wish
from warren.operations.knowledge import find_caution
from warren.transport.connection import Connection

__all__ = ["careful_wish"]


def careful_wish(
    connection: Connection, queue: str, matches: Matches | None, *, limit: int | None = None
) -> tuple[Wish, Caution]:
    """Return the wish for the messages of `queue` that match, and what passing the others over does to them.

    Where all match, none is passed over.

    Raises `ConfigurationError` where the broker would dead-letter what does not match, or where nothing can be taken.
    """
    caution = find_caution(connection, queue)
    if caution.impossible is not None:
        raise ConfigurationError(caution.impossible)
    if matches is None:
        return Wish(limit=limit), Caution()
    if caution.refusal is not None:
        raise ConfigurationError(
            f"{queue} is a quorum queue with a delivery limit of {caution.limit}: what a filter leaves there would be "
            f"dead-lettered by the broker; do it without a filter"
        )
    return Wish(matches=matches, limit=limit, stop_at=caution.stop_at), caution
