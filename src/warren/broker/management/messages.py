"""Messages through the HTTP API: publish one to an exchange, take some out of a queue.

Not here: the queues themselves (`queues.py`). RabbitMQ means both for a look by hand, and so do we.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, cast

from warren.broker.auth import Access
from warren.broker.management.exchanges import exchange_name
from warren.broker.management.listing import Json
from warren.broker.management.request import Refusal, Request, Response, as_int, as_table, bad_request, respond
from warren.broker.management.routing import Route
from warren.broker.model.channel import Channel, Sink
from warren.broker.model.dead_letter import Reason
from warren.broker.model.message import Address, Entry, Message
from warren.broker.model.queue import Queue
from warren.broker.protocol import properties
from warren.broker.replies import Closed, access_refused

__all__ = ["ROUTES"]

_PROPERTIES: Final = {
    "cluster_id": str,
    "app_id": str,
    "user_id": str,
    "type": str,
    "timestamp": int,
    "message_id": str,
    "expiration": str,
    "reply_to": str,
    "correlation_id": str,
    "priority": int,
    "delivery_mode": int,
    "headers": dict,
    "content_encoding": str,
    "content_type": str,
}
"""In the order RabbitMQ shows them."""


# -- publishing ---------------------------------------------------------------------------


class _Witness:
    """The sink of a channel that publishes one message: notes whether it came back."""

    is_full = False

    def __init__(self) -> None:
        self.is_routed = True

    def return_message(self, message: Message) -> None:
        self.is_routed = False


def _publish(request: Request) -> Response:
    told = request.content("payload", "payload_encoding", "properties", "routing_key")
    vhost, exchange = request.target_vhost, exchange_name(request.path["exchange"])
    body, header = _payload(told), properties.encode(_read_properties(told))
    if exchange not in vhost.exchanges:
        raise Refusal.not_found("exchange_not_found")
    address = Address(exchange, str(told["routing_key"]))
    witness = _Witness()
    try:
        _check_publish(request, address)
        channel = Channel(1, vhost, request.node, cast("Sink", witness), user=request.user.name)
        channel.publish(address, header, body, mandatory=True)
        channel.close()
    except Closed as refused:
        raise bad_request(f"{refused.code} {refused.text}") from refused
    return respond({"routed": witness.is_routed})


def _check_publish(request: Request, address: Address) -> None:
    exchange = request.target_vhost.exchanges[address.exchange]
    request.check(Access.WRITE, "exchange", exchange.name)
    if exchange.internal:
        raise access_refused(f"cannot publish to internal {exchange.described}")
    if exchange.type == "topic":
        accounts, vhost = request.node.accounts, request.path["vhost"]
        accounts.check_topic(request.user.name, vhost, Access.WRITE, exchange.name, address.routing_key)


def _payload(told: Mapping[str, Any]) -> bytes:
    payload, encoding = told["payload"], told["payload_encoding"]
    if not isinstance(payload, str):
        raise bad_request("payload_not_string")
    if encoding == "string":
        return payload.encode("utf-8", "surrogatepass")
    if encoding != "base64":
        raise bad_request(["unsupported_encoding", encoding])
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise bad_request(["not_base64", payload]) from None


def _read_properties(told: Mapping[str, Any]) -> properties.Properties:
    """Unknown names are ignored, as RabbitMQ does."""
    given = as_table(told, "properties")
    values: dict[str, Any] = {}
    for name, kind in _PROPERTIES.items():
        if name not in given:
            continue
        if kind is int and (isinstance(given[name], bool) or not isinstance(given[name], int)):
            raise bad_request(["not_int", name])
        if kind is str and not isinstance(given[name], str):
            raise bad_request(["not_string", name])
        values[name] = as_table(given, name) if kind is dict else given[name]
    return properties.Properties(**values)


# -- taking -------------------------------------------------------------------------------

_MODES: Final = ("ack_requeue_true", "ack_requeue_false", "reject_requeue_true", "reject_requeue_false")


def _get(request: Request) -> Response:
    told = request.content("ackmode", "count", "encoding")
    count, mode, encoding = as_int(told, "count"), told["ackmode"], told["encoding"]
    truncate = as_int(told, "truncate") if "truncate" in told else None
    if encoding not in ("auto", "base64"):
        raise bad_request("Unsupported encoding. Please use auto or base64.")
    if mode not in _MODES:
        raise bad_request(["unknown_ackmode", mode])
    queue = request.vhost.queues.get(request.path["queue"])
    if queue is None or queue.exclusive_owner is not None:
        raise Refusal.not_found("queue_not_found")
    request.check(Access.READ, "queue", queue.name)
    queue.was_used()
    entries: list[Entry] = []
    shown: list[Json] = []
    while len(entries) < count:
        entry = queue.get()
        if entry is None:
            break
        entries.append(entry)
        shown.append(_message_json(queue, entry, encoding, truncate))
    _settle(queue, entries, str(mode))
    return respond(shown)


def _settle(queue: Queue, entries: list[Entry], mode: str) -> None:
    if mode.endswith("requeue_true"):
        queue.requeue(entries, count_delivery=True)
        return
    for entry in entries:
        if mode == "ack_requeue_false":
            queue.acknowledge(entry)
        else:
            queue.discard(entry, Reason.REJECTED)


def _message_json(queue: Queue, entry: Entry, encoding: str, truncate: int | None) -> Json:
    message = entry.message
    header = queue.header_of(entry) if entry.deliveries else queue.header(message)
    assert message.body is not None  # loaded with its header
    body = message.body if truncate is None else message.body[:truncate]
    payload, payload_encoding = _encoded(body, encoding)
    return {
        "payload_bytes": message.size,
        "redelivered": entry.redelivered,
        "exchange": message.address.exchange,
        "routing_key": message.address.routing_key,
        "message_count": queue.ready_count,
        "properties": _properties_json(header),
        "payload": payload,
        "payload_encoding": payload_encoding,
    }


def _encoded(body: bytes, encoding: str) -> tuple[str, str]:
    if encoding == "auto":
        try:
            return body.decode(), "string"
        except UnicodeDecodeError:
            pass  # It goes as base64.
    return base64.b64encode(body).decode(), "base64"


def _properties_json(header: bytes) -> Json | list[object]:
    """An empty table comes as a list, as RabbitMQ sends it here."""
    found = properties.read(header)
    told = {name: getattr(found, name) for name in _PROPERTIES}
    return {name: value for name, value in told.items() if value is not None} or []


ROUTES: Final = (
    Route("POST", "exchanges/{vhost}/{exchange}/publish", _publish),
    Route("POST", "queues/{vhost}/{queue}/get", _get),
)
