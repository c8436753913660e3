"""Message ids: new ones, ordered by time, and derived ones for messages that came without.

Not here: idempotency keys, which a consumer chooses (`reliability/idempotency.py`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from itertools import count

__all__ = ["MessageIds", "derive_message_id", "new_message_id"]


class MessageIds:
    """Makes UUIDv7 texts (RFC 9562, section 5.7): milliseconds, then 42 random bits of this process, then a counter.

    Ids of one process are unique and grow with time, so they sit well in an index. Safe to call from all
    threads: the counter's step is atomic. After a fork, call `reseed` in the child.
    """

    __slots__ = ("_next", "_random", "_tail")

    def __init__(self, random: Callable[[int], bytes] = os.urandom) -> None:
        self._random = random
        self.reseed()

    def reseed(self) -> None:
        """Draw new random bits, so that a forked child does not repeat its parent's ids."""
        bits = int.from_bytes(self._random(10))
        rand_a, rand_b, rand_c = bits & 0xFFF, bits >> 12 & 0x3FFF, bits >> 26 & 0xFFFF
        self._tail = f"-7{rand_a:03x}-{0x8000 | rand_b:04x}-{rand_c:04x}"
        self._next = count(bits >> 42 & 0xFFFFFFFF).__next__

    def new(self, now: float) -> str:
        """Return a new id for a message published at `now`, in seconds since the epoch."""
        ms = int(now * 1000)
        # The fastest way to format by a quarter, and this runs once a message.
        return "%08x-%04x%s%08x" % (  # noqa: UP031
            ms >> 16 & 0xFFFFFFFF,
            ms & 0xFFFF,
            self._tail,
            self._next() & 0xFFFFFFFF,
        )


_process_ids = MessageIds()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process_ids.reseed)

new_message_id = _process_ids.new


def derive_message_id(body: bytes, *, exchange: str, routing_key: str, queue: str, salt: bytes, tag: int) -> str:
    """Return an id for a delivery whose producer set none, the same for the same arguments.

    It names the delivery, not the content: two honest messages with equal bodies must not be taken for duplicates,
    so `salt` is random per process and channel generation, and `tag` is the delivery tag. Retries and dead letters
    keep it, because their copies carry it as `message_id`. A redelivery of the untouched original gets another one;
    a consumer of such messages that needs idempotency takes its key from the payload.
    """
    digest = hashlib.sha256()
    names = [name.encode("utf-8", "surrogateescape") for name in (exchange, routing_key, queue)]
    for part in (*names, salt, b"%d" % tag, body):
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return "derived-" + digest.hexdigest()[:40]
