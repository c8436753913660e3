"""Claims on idempotency keys: what a store answers, and the port every store implements.

Not here: the stores themselves (`stores/`), or what a worker does with an answer (`worker/`).

A claim goes through three states: claimed under a lease → done, or claimed → released (absent again). A lease that
runs out makes the key claimable again, under a higher fencing token; the former holder's `done` is then refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

from warren.errors import ConfigurationError
from warren.topology.duration import format_duration

if TYPE_CHECKING:
    import sqlalchemy

__all__ = [
    "Claim",
    "ClaimResult",
    "Done",
    "IdempotencyStore",
    "InProgress",
    "InboxTransaction",
    "TransactionalStore",
    "check_window",
]


@final
@dataclass(frozen=True, slots=True)
class Claim:
    """The key was free and is now held until its lease ends. `token` fences off former holders."""

    consumer: str
    key: str
    token: int


@final
@dataclass(frozen=True, slots=True)
class InProgress:
    """Another holder has the key, under a lease that is still live."""

    consumer: str
    key: str


@final
@dataclass(frozen=True, slots=True)
class Done:
    """The key was processed within the window."""

    consumer: str
    key: str


ClaimResult = Claim | InProgress | Done


class IdempotencyStore(Protocol):
    """Where claims live. Calls are batched, thread-safe and raise `StoreUnavailable` when the store does not answer.

    `lease` and `window` are in seconds. A done key is kept for `window`, then it is as if it had never been. Each call
    may be repeated after `StoreUnavailable`, whether or not it took effect.
    """

    def prepare(self) -> None:
        """Connect, create what is missing and check the server's settings; other calls do so on first use.

        Raises `ConfigurationError` where waiting cannot help: tables of a newer Warren, a server that evicts keys.
        """
        ...

    def claim_many(self, consumer: str, keys: Sequence[str], *, lease: float) -> list[ClaimResult]:
        """Claim each key, in order; of equal keys in one call the first wins and the others are in progress."""
        ...

    def renew_many(self, claims: Sequence[Claim], *, lease: float) -> list[bool]:
        """Extend leases from now; False where the claim is no longer held."""
        ...

    def done_many(self, claims: Sequence[Claim], *, window: float) -> list[bool]:
        """Mark claims done, durably before returning; False where the fencing token is outdated.

        A lease that ran out does no harm while nobody else has claimed the key.
        """
        ...

    def release_many(self, claims: Sequence[Claim]) -> None:
        """Give claims back after a failure; an outdated claim is left alone."""
        ...

    def purge(self) -> int:
        """Delete what is outside its window, a bounded number of rows a call; return how many: ask again until none."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...


class InboxTransaction(Protocol):
    """One open database transaction: the claim and the handler's own writes commit together, or not at all."""

    @property
    def connection(self) -> sqlalchemy.Connection:
        """The connection the handler writes through."""
        ...

    def claim(self, consumer: str, key: str, *, window: float) -> Claim | InProgress | Done:
        """Record the key as done inside this transaction; it is `Done` if an earlier transaction committed it."""
        ...


@runtime_checkable
class TransactionalStore(Protocol):
    """A store whose claims can share a transaction with the handler's writes (SQLite, PostgreSQL)."""

    def transaction(self) -> AbstractContextManager[InboxTransaction]:
        """Open a transaction: commits when the block ends, rolls back when it raises."""
        ...


def check_window(window: float, retry_horizon: float) -> None:
    """Raise `ConfigurationError` where done keys are forgotten before the last retry of a message can arrive.

    Both are in seconds.
    """
    if window < retry_horizon:
        raise ConfigurationError(
            f"done keys are kept for {format_duration(window)}, but a message may be retried for "
            f"{format_duration(retry_horizon)}: a late copy of it would run again. Set the idempotency window to at "
            f"least {format_duration(retry_horizon)}, or shorten the retry policy"
        )
