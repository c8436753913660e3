"""What looking into a queue does to it, said before it is done: a pure function of what is known of the queue.

Not here: asking for it (`knowledge.py`), and looking (`lease.py`).

A quorum queue counts what was taken and given back as a delivery, and gives a message up once its deliveries exceed the
delivery limit. So a look stops at a message that has used half of the limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from warren.management.queues import QueueStatistics

__all__ = ["Caution", "caution_of"]

DEFAULT_LIMIT: Final = 20  # since RabbitMQ 4.0, of a quorum queue that has none of its own
_MANY: Final = 1_000_000  # a limit that nobody reaches by looking


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """`remarks` are to be read before the look; `refusal` says why there should be none unless it is forced.

    `beside` are those of the remarks that are about who else works on the queue, and not about what a look costs.
    `limit` is the delivery limit in force, as far as it is known; a look stops at a message that has been delivered in
    vain `stop_at` times. `impossible` says why no look can be had at all.
    """

    remarks: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    refusal: str | None = None
    impossible: str | None = None
    limit: int | None = None
    stop_at: int | None = None

    @property
    def is_free(self) -> bool:
        """Whether looks, however many, bring no message to its delivery limit."""
        known = self.impossible is None and self.refusal is None
        return known and (self.stop_at is None or (self.limit is not None and self.limit >= _MANY))


def caution_of(
    name: str, queue: QueueStatistics | None, *, version: str | None, consumers: int = 0, unknown: str = ""
) -> Caution:
    """Return what is to be said of a look into queue `name`. `unknown` says why nothing is known where `queue` is None.

    `version` is the broker's, which decides what a quorum queue without a limit does.
    """
    beside = _beside(name, consumers)
    if queue is None or queue.type is None:
        reason = f" ({unknown})" if unknown else ""
        remark = (
            f"whether {name} is a quorum queue is not known, nor its delivery limit{reason}; if it is "
            f"one, this look counts as a delivery of each message"
        )
        return Caution(remarks=(remark, *beside), beside=beside, stop_at=DEFAULT_LIMIT // 2)
    if queue.type == "stream":
        return Caution(impossible=f"{name} is a stream, where nothing is taken; read it with a client of streams")
    if queue.auto_delete and not (consumers or queue.consumers):
        return Caution(
            impossible=f"the broker deletes {name}, and its messages, when its last consumer leaves, and it has none "
            f"but whoever looks; start its consumer first, or look with basic.get, as the broker's management pages do"
        )
    if queue.type != "quorum":
        return Caution(remarks=beside, beside=beside)
    return _of_quorum_queue(queue, version, beside)


def _of_quorum_queue(queue: QueueStatistics, version: str | None, beside: tuple[str, ...]) -> Caution:
    limit = _limit(queue, version)
    if limit is None:
        remark = f"{queue.name} is a quorum queue: this look counts as a delivery of each message; it has no limit"
        return Caution(remarks=(remark, *beside), beside=beside)
    if limit < 2:
        refusal = (
            f"{queue.name} is a quorum queue with delivery limit {limit}: a look counts as a delivery, and would have "
            f"the broker dead-letter messages; --force looks all the same"
        )
        return Caution(remarks=beside, beside=beside, refusal=refusal, limit=limit, stop_at=1)
    remark = f"{queue.name} is a quorum queue: this look counts as a delivery of each message"
    if limit < _MANY:
        remark += f", of which the delivery limit allows {limit}; it stops at one that has had {limit // 2}"
    return Caution(remarks=(remark, *beside), beside=beside, limit=limit, stop_at=limit // 2)


def _limit(queue: QueueStatistics, version: str | None) -> int | None:
    """Return the delivery limit in force: the lowest of those there are. A negative one means none, since 4.0."""
    is_old = version is not None and version.startswith("3.")
    told = [
        *_whole(queue.arguments, "x-delivery-limit"),
        *_whole(queue.settings, "delivery-limit"),
        *([] if queue.delivery_limit is None else [queue.delivery_limit]),
    ]
    if not told:
        return None if is_old else DEFAULT_LIMIT
    limit = min(told)
    if limit < 0:
        return 0 if is_old else None  # 3.10 gives up a message at its first return
    return limit


def _whole(table: Mapping[str, Any], name: str) -> list[int]:
    value = table.get(name)
    return [value] if isinstance(value, int) and not isinstance(value, bool) else []


def _beside(name: str, consumers: int) -> tuple[str, ...]:
    if not consumers:
        return ()
    who = "1 consumer works" if consumers == 1 else f"{consumers:,} consumers work"
    return (f"{who} on {name}: what is taken there meanwhile overtakes what is looked at",)
