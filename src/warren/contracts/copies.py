"""A copy of a message's properties for a retry tier or a dead-letter queue: everything kept but what must not travel.

Not here: which headers a retry or a dead letter adds (`reliability/`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from warren.contracts.headers import USER_ID
from warren.contracts.properties import EMPTY_HEADERS, PERSISTENT, FieldValue, Headers, Properties

__all__ = ["copy_properties"]

# RabbitMQ drops messages republished with their own x-death as a cycle, and routes by CC and BCC again.
_STRIPPED: Final = frozenset({"x-death", "x-delivery-count", "x-acquired-count", "CC", "BCC"})
_STRIPPED_PREFIXES: Final = ("x-first-death-", "x-last-death-")


def copy_properties(
    properties: Properties,
    *,
    headers: Headers = EMPTY_HEADERS,
    message_id: str | None = None,
    without: Collection[str] = (),
) -> Properties:
    """Return the properties of a copy: persistent, without TTL, with `headers` set on top of the original's.

    `message_id` is used where the original has none. The headers `without`, the broker's death headers, CC and BCC are
    left out, and `user_id` moves into a header: RabbitMQ refuses a publish under another user's name.
    """
    kept: dict[str, FieldValue] = {
        name: value
        for name, value in properties.headers.items()
        if name not in _STRIPPED and name not in without and not name.startswith(_STRIPPED_PREFIXES)
    }
    if properties.user_id is not None:
        kept[USER_ID] = properties.user_id
    kept.update(headers)
    return properties._replace(
        headers=kept,
        delivery_mode=PERSISTENT,
        expiration=None,
        user_id=None,
        message_id=properties.message_id or message_id,
    )
