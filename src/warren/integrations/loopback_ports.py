"""Loopback ports for servers of one's own.

Not here: the servers.
"""

from __future__ import annotations

import random
import socket
from pathlib import Path

__all__ = ["free_port", "is_free"]

_FIRST = 10_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a loopback port nobody listens on, below the range the kernel gives to outgoing connections.

    A port of that range could be taken by a reconnecting client while the server is down: even by the client's own
    attempt to reach it, which then connects to itself.
    """
    first_outgoing = int(_OUTGOING.read_text().split()[0])
    last = first_outgoing - 1 if first_outgoing > _FIRST + 1_000 else 65_535
    while True:
        port = random.randint(_FIRST, last)
        if is_free(port):
            return port


def is_free(port: int) -> bool:
    """Whether nobody listens on the loopback port."""
    with socket.socket() as probe:
        # As the server will: connections that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
