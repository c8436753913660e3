"""Messages of a producer that has never heard of Warren, or gets it wrong.

Not here: what the application itself publishes.
"""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import Final, TypedDict, Unpack

from warren.config import BrokerSettings
from warren.contracts.envelope import Outgoing
from warren.contracts.properties import EMPTY_HEADERS, Headers, Properties
from warren.operations.link import open_connection
from warren.transport.confirms import CONFIRMED, Outcome
from warren.transport.publisher import PublishChannel

__all__ = ["Plain", "PlainProperties"]

_TIMEOUT: Final = 10.0
_PERSISTENT: Final = 2
_LARGEST: Final = 2**31


class PlainProperties(TypedDict, total=False):
    """What such a producer may say of a message; all may be left out."""

    type: str
    message_id: str
    correlation_id: str
    content_type: str
    headers: Headers


class Plain:
    """Another producer on the same virtual host."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings

    def __repr__(self) -> str:
        return f"<Plain producer on {self._settings}>"

    def send(self, queue: str, body: object, **properties: Unpack[PlainProperties]) -> None:
        """Put a message into a queue. Raises AssertionError where the broker does not take it."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        said = Properties(
            content_type=properties.get("content_type"),
            headers=properties.get("headers", EMPTY_HEADERS),
            delivery_mode=_PERSISTENT,
            correlation_id=properties.get("correlation_id"),
            message_id=properties.get("message_id"),
            type=properties.get("type"),
        )
        outgoing = Outgoing("", queue, said, data, said.message_id or "", said.type or "")
        outcome: Future[Outcome] = Future()
        with open_connection(self._settings, "plain producer") as connection:
            channel = PublishChannel(connection, max_body=_LARGEST)
            channel.submit(
                [
                    channel.entry(
                        outgoing, timeout=_TIMEOUT, settled=lambda entry, told: outcome.set_result(told), context=None
                    )
                ]
            )
            told = outcome.result(_TIMEOUT + 1.0)
        if told is not CONFIRMED:
            raise AssertionError(f"the broker did not take the message for {queue!r}: {told!r}")
