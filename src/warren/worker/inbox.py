"""What a transactional handler writes through: the transaction's connection, or a session on it.

Not here: the transaction and the claim (`reliability/stores/`), or when they commit (`process.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from warren.worker.handler import Wanted

if TYPE_CHECKING:
    import sqlalchemy

__all__ = ["writers"]


@contextmanager
def writers(connection: sqlalchemy.Connection, wants: tuple[tuple[str, Wanted], ...]) -> Iterator[dict[str, Any]]:
    """Yield the handler's arguments that write. A session works inside a savepoint: its own `commit` and `rollback`
    concern the handler's writes only, never the claim."""
    from sqlalchemy.orm import Session

    arguments: dict[str, Any] = {}
    sessions: list[Session] = []
    with ExitStack() as stack:
        for name, wanted in wants:
            if wanted is Wanted.CONNECTION:
                arguments[name] = connection
            elif wanted is Wanted.SESSION:
                session = stack.enter_context(Session(bind=connection, join_transaction_mode="create_savepoint"))
                sessions.append(session)
                arguments[name] = session
        yield arguments
        for session in sessions:
            session.commit()
