"""One delivery on its way through a worker.

Not here: the stages it passes (`process.py`, `claims.py`, `pools.py`, `settle.py`).
"""

from __future__ import annotations

import math
import threading

from warren.contracts.incoming import Incoming
from warren.contracts.message import Message
from warren.errors import WarrenError
from warren.observability.tracing import Attempt, Settling
from warren.reliability.idempotency import Claim

__all__ = ["Job"]

_take = threading.Lock()


class Job:
    """A delivery with what the stages found out about it."""

    __slots__ = (
        "attempt",
        "claim",
        "incoming",
        "is_duplicate",
        "key",
        "message",
        "message_id",
        "message_type",
        "running_since",
        "seconds",
        "settling",
        "started_at",
        "taken",
        "trace",
        "whole",
    )

    def __init__(self, incoming: Incoming) -> None:
        self.incoming = incoming
        self.whole: Incoming | WarrenError = incoming  # with its body fetched, or why it could not be
        self.message_id = incoming.properties.message_id or ""
        self.message_type = incoming.properties.type or ""
        self.attempt = 1
        self.message: Message | None = None  # set once it is decoded
        self.key = ""
        self.claim: Claim | None = None  # set while the idempotency key is held
        self.is_duplicate = False  # done before: its handler did not run
        self.started_at = 0.0  # seconds since the epoch, when the handler began
        self.seconds = 0.0  # how long it ran
        self.running_since = math.inf  # monotonic: what the time limit counts from; never, while no handler runs
        self.trace: Attempt | None = None  # its handler's latest run, where that is traced
        self.settling: Settling | None = None
        self.taken = False  # an outcome has been decided

    def take(self) -> bool:
        """Claim the right to decide the outcome. True for the first caller only: a delivery is settled exactly once."""
        with _take:
            first, self.taken = not self.taken, True
        return first
