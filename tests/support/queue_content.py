"""Fills queues with messages of any properties, and reads what is in them without changing it.

Not here: plain Pika (`plain.py`), which cannot write every field type.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from warren.config import BrokerSettings
from warren.contracts.envelope import Outgoing
from warren.contracts.properties import EMPTY_HEADERS, Properties
from warren.operations.lease import Held, Lease
from warren.operations.link import open_connection
from warren.operations.sending import Sender
from warren.operations.sweep import wait_until_back
from warren.reliability.dead_letter import FINGERPRINT, QUEUE, REASON
from warren.transport.wire import decode_properties, encode_properties

__all__ = ["Content", "bodies", "content", "content_of", "dead_letter", "fill", "held_in", "settings_of"]


class Content(NamedTuple):
    """A message as its queue has it, without what changes with a look."""

    raw_properties: bytes
    body: bytes


def settings_of(url: str) -> BrokerSettings:
    return BrokerSettings.parse(url)


def fill(url: str, queue: str, messages: Iterable[tuple[Properties, bytes]]) -> None:
    """Publish messages to a queue, in order, each confirmed."""
    with (
        open_connection(settings_of(url), "filling") as connection,
        Sender(connection, on_confirmed=lambda _: None, window=1_000) as sender,
    ):
        for properties, body in messages:
            sender.send(Outgoing("", queue, properties, body, properties.message_id or "", ""), None)
        sender.finish()


def content_of(url: str, queue: str) -> list[Content]:
    """Return all that is ready in a queue, in order; it stays there."""
    return [content(held) for held in held_in(url, queue)]


def held_in(url: str, queue: str) -> list[Held]:
    """Return it as it came from the broker."""
    with open_connection(settings_of(url), "reading") as connection:
        with Lease.open(connection, queue) as lease:
            found = [held for batch in lease.take(lease.depth()) for held in batch]
        with Lease.open(connection, queue) as lease:
            wait_until_back(lease, len(found))
    return found


def content(held: Held) -> Content:
    """A message with its headers in order: RabbitMQ sorts them when it counts a delivery, and 4.0 always."""
    properties = decode_properties(held.raw_properties, 0)
    kept = {name: value for name, value in sorted(properties.headers.items()) if name != "x-delivery-count"}
    return Content(encode_properties(properties._replace(headers=kept or EMPTY_HEADERS)), held.body)


def dead_letter(number: int, *, queue: str, fingerprint: str, **headers: object) -> tuple[Properties, bytes]:
    """A dead letter as a worker of `queue` leaves it, but for its error."""
    own = {REASON: "exhausted", FINGERPRINT: fingerprint, QUEUE: queue, "x-warren-attempt": 4, **headers}
    properties = Properties("application/json", headers=own, delivery_mode=2, message_id=f"m-{number}")
    return properties, b'{"order_id":%d}' % number


def bodies(contents: Sequence[Content]) -> list[bytes]:
    return [each.body for each in contents]
