"""Where a replayed message goes: a dead letter to the queue it failed in, anything else to the queue it was in.

Not here: reading who wrote down which queue (`resolve.py`).
"""

from __future__ import annotations

from warren.contracts.properties import Properties
from warren.errors import WarrenError
from warren.operations.message import fingerprint_of
from warren.operations.replay import Target
from warren.operations.resolve import dead_letter_queue_of, deaths_of, home_of
from warren.reliability.dead_letter import QUEUE

__all__ = ["target_of_dead_letter", "target_of_saved"]


def target_of_dead_letter(queue: str, properties: Properties) -> Target:
    """Return where a message of a dead-letter queue goes. Raises `WarrenError` where nothing says."""
    home = home_of(properties.headers, queue=queue)
    if home is None:
        raise WarrenError(
            f"message {properties.message_id or 'without an id'} in {queue} says nowhere in which queue it failed; "
            f"move it with `warren drain {queue} --to QUEUE`"
        )
    return Target(home, fingerprint_of(properties))


def target_of_saved(queue: str, properties: Properties) -> Target:
    """Return where a message of a file goes, which was taken from `queue`: from a retry tier, back into it."""
    headers = properties.headers
    is_dead = QUEUE in headers or dead_letter_queue_of(queue) == queue or any(True for _ in deaths_of(headers))
    return target_of_dead_letter(queue, properties) if is_dead else Target(queue)
