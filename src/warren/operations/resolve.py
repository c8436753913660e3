"""Which queue keeps the dead letters of a consumer, and which queue a dead letter came from.

Not here: whether those queues exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from warren.contracts.properties import Headers
from warren.reliability.dead_letter import QUEUE
from warren.topology.naming import dead_letter_queue, retry_delay

__all__ = ["consumer_queue_of", "dead_letter_queue_of", "deaths_of", "home_of"]

_DEAD: Final = ".dead"
_RETRY: Final = ".retry."


def dead_letter_queue_of(name: str) -> str:
    """Return the dead-letter queue meant by `name`: itself, or the one beside a consumer's queue."""
    return name if name.endswith(_DEAD) else dead_letter_queue(name)


def consumer_queue_of(name: str) -> str:
    """Return the consumer's queue that `name` is kept beside; `name` itself where it is that queue."""
    if name.endswith(_DEAD) and name != _DEAD:
        return name.removesuffix(_DEAD)
    owner, separator, _ = name.rpartition(_RETRY)
    return owner if separator and owner and retry_delay(owner, name) is not None else name


def home_of(headers: Headers, *, queue: str) -> str | None:
    """Return the queue a message found in the dead-letter queue `queue` goes back to; None where nothing says.

    A worker has written it down, else the broker has; else it is the queue that `queue` is named for. Never `queue`
    itself.
    """
    written = headers.get(QUEUE)
    candidates = [
        written if isinstance(written, str) else "",
        *(str(death.get("queue") or "") for death in deaths_of(headers)),
        _text(headers.get("x-first-death-queue")),
        consumer_queue_of(queue),
    ]
    return next((name for name in candidates if name and name != queue), None)


def deaths_of(headers: Headers) -> Iterator[Mapping[str, Any]]:
    """Yield the broker's own notes on how a message died, the latest first; the end of a retry's delay is no death."""
    deaths = headers.get("x-death")
    for death in deaths if isinstance(deaths, list) else ():
        if isinstance(death, Mapping):
            name = _text(death.get("queue"))
            if consumer_queue_of(name) == name or name.endswith(_DEAD):
                yield death


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
