"""What becomes of a delivery: acknowledged, retried later, deferred, or dead-lettered. Values only.

Not here: the decision (`retry.py`) and its effects (`worker/settle.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import final

__all__ = ["Ack", "DeadLetter", "DeathReason", "Defer", "Outcome", "RetryLater"]


class DeathReason(StrEnum):
    """Why a message is in a dead-letter queue. The last three are the broker's own doing."""

    PERMANENT = "permanent"
    EXHAUSTED = "exhausted"
    CONTRACT = "contract"
    POISON = "poison"
    EXPIRED = "expired"
    LIMIT = "limit"


@final
@dataclass(frozen=True, slots=True)
class Ack:
    """Done: the handler returned, or the message is a duplicate."""


@final
@dataclass(frozen=True, slots=True)
class RetryLater:
    """Failed; the next attempt comes after `delay` seconds. `classification` is transient | unknown."""

    delay: float
    classification: str
    error: BaseException


@final
@dataclass(frozen=True, slots=True)
class Defer:
    """Not attempted: another holder has it. It comes back after `delay` seconds, no attempt charged."""

    delay: float


@final
@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Given up: it goes to the dead-letter queue with the reason."""

    reason: DeathReason
    error: BaseException


Outcome = Ack | RetryLater | Defer | DeadLetter
