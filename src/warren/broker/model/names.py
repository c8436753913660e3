"""Names the broker makes, and names it keeps for itself.

Not here: what is declared under them (`vhost.py`).
"""

from __future__ import annotations

import secrets
from typing import Final

__all__ = ["RESERVED", "generated_consumer_tag", "generated_queue_name", "generated_reply_token"]

RESERVED: Final = "amq."
"""What names of exchanges and queues must not begin with unless the broker itself makes them."""

_RANDOM_BYTES: Final = 16
"""RabbitMQ's names carry as many: 22 characters of URL-safe Base64."""


def generated_queue_name() -> str:
    """Return the name of a queue whose client gave none."""
    return "amq.gen-" + secrets.token_urlsafe(_RANDOM_BYTES)


def generated_consumer_tag() -> str:
    """Return the tag of a consumer whose client gave none."""
    return "amq.ctag-" + secrets.token_urlsafe(_RANDOM_BYTES)


def generated_reply_token() -> str:
    """Return what tells a consumer of direct replies from all others."""
    return secrets.token_urlsafe(_RANDOM_BYTES)
