"""Faults that are put into a worker on purpose, to prove that the harness sees what they do.

Not here: anything that runs outside of the worker processes of these tests.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from warren.contracts.incoming import Incoming
from warren.worker.job import Job
from warren.worker.runtime import ConsumerRuntime
from warren.worker.settle import Settler

__all__ = ["Mutation", "mutate"]

WIDENED: Final = 1.0
"""Seconds between an early ack and the copy it should have waited for: on a real network that is where crashes hit."""


class Mutation(StrEnum):
    """What is wrong with a worker."""

    NONE = ""
    ACK_BEFORE_HANDLER = "ack-before-handler"
    ACK_BEFORE_COPY = "ack-before-copy"


def mutate(name: str) -> None:
    """Put a fault into this process."""
    match Mutation(name):
        case Mutation.NONE:
            pass
        case Mutation.ACK_BEFORE_HANDLER:
            _ack_before_handler()
        case Mutation.ACK_BEFORE_COPY:
            _ack_before_copy()


def _ack_before_handler() -> None:
    deliver = ConsumerRuntime._on_deliveries

    def deliver_acked(runtime: ConsumerRuntime, batch: list[Incoming]) -> None:
        for incoming in batch:
            runtime.channel.ack(incoming)
        deliver(runtime, batch)

    ConsumerRuntime._on_deliveries = deliver_acked
    Settler._ack = _settle_without_ack


def _ack_before_copy() -> None:
    copy = Settler._copy

    def copy_after_ack(settler: Settler, job: Job, *what: Any) -> None:
        settler._channel.ack(job.incoming)
        settler._call_later(WIDENED, lambda: copy(settler, job, *what))

    def confirmed(settler: Settler, entry: Any, _outcome: Any) -> None:
        _settle_without_ack(settler, entry.context.job)

    Settler._copy = copy_after_ack
    Settler._copy_settled = confirmed


def _settle_without_ack(settler: Settler, job: Job) -> None:
    settler._on_settled(job)
