"""Logging in: what the broker says of itself, how a client proves who it is, and what may be tuned.

Not here: users and passwords (`auth.py`), the order of the methods (`connection.py`).
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any, Final

from warren.broker.auth import LoginRefused
from warren.broker.protocol import handshake
from warren.broker.replies import not_allowed

if TYPE_CHECKING:
    from warren.broker.node import Node
    from warren.broker.session.peer import Peer

__all__ = ["FRAME_MIN", "check_tuned", "log_in", "mechanisms", "server_properties"]

FRAME_MIN: Final = 4096
"""Bytes of the smallest frame_max a client may ask for (AMQP 0-9-1, 1.2)."""

_CAPABILITIES: Final = (
    "publisher_confirms",
    "exchange_exchange_bindings",
    "basic.nack",
    "consumer_cancel_notify",
    "connection.blocked",
    "consumer_priorities",
    "authentication_failure_close",
    "per_consumer_qos",
    "direct_reply_to",
)


def server_properties(node: Node) -> dict[str, Any]:
    """Return what connection.start says of the broker; `product` as clients ask for it."""
    return {
        "capabilities": dict.fromkeys(_CAPABILITIES, True),
        "cluster_name": node.config.node_name,
        "copyright": "Warren's embedded broker, licensed under Apache-2.0",
        "information": "An embedded broker that speaks AMQP 0-9-1 as RabbitMQ does",
        "platform": f"Python {platform.python_version()}",
        "product": "RabbitMQ",
        "version": node.config.profile.version,
    }


def mechanisms(node: Node, peer: Peer) -> list[str]:
    """Return the mechanisms this client may use."""
    offered = ["PLAIN", "AMQPLAIN"]
    if node.config.anonymous:
        offered.insert(0, "ANONYMOUS")
    if peer.certificate_name is not None:
        offered.append("EXTERNAL")
    return offered


def log_in(node: Node, peer: Peer, mechanism: str, response: bytes) -> str:
    """Return the name of the user who logs in. Raises LoginRefused and FrameViolation."""
    accounts = node.accounts
    if mechanism == "EXTERNAL":
        name = peer.certificate_name or ""
        if name not in accounts.users:
            raise LoginRefused(f"the certificate names '{name}', who is no user")
        return name
    if mechanism == "ANONYMOUS":
        return node.config.user
    name, password = handshake.credentials(mechanism, response)
    return accounts.authenticate(name, password, loopback=peer.is_loopback).name


def check_tuned(name: str, value: int, *, lowest: int, highest: int) -> None:
    """Refuse a limit above the broker's or below what AMQP allows."""
    if value and value < lowest:
        raise not_allowed(f"negotiated {name} = {value} is lower than the minimum allowed value ({lowest})")
    if highest and (value == 0 or value > highest):
        shown = f"{value} (no limit)" if value == 0 else str(value)
        raise not_allowed(f"negotiated {name} = {shown} is higher than the maximum allowed value ({highest})")
