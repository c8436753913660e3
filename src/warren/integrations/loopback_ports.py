"""Loopback ports for servers of one's own.

Not here: the servers.

Theory of operation: a port is free until its server listens, which for RabbitMQ is ten seconds later, and again while
that is restarted. So ports are given out in turn, over all processes with one $TMPDIR: a file there keeps the last one.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["free_port", "is_free"]

_FIRST = 10_000
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a loopback port nobody listens on, below the range the kernel gives to outgoing connections.

    No process with the same $TMPDIR is given it again before all others. A port of the outgoing range could be taken
    by a reconnecting client while the server is down: even by the client's own attempt to reach it, which then connects
    to itself.
    """
    first_outgoing = int(_OUTGOING.read_text().split()[0])
    last = first_outgoing - 1 if first_outgoing > _FIRST + 1_000 else 65_535
    with _last_given() as file:
        kept = os.pread(file, 10, 0)
        port = int(kept) if kept.isdigit() else random.randint(_FIRST, last)
        while True:
            port = port + 1 if _FIRST <= port < last else _FIRST
            if is_free(port):
                os.ftruncate(file, 0)
                os.pwrite(file, b"%d" % port, 0)
                return port


@contextmanager
def _last_given() -> Iterator[int]:
    """Open the file of the last port given out, for one process at a time."""
    path = Path(tempfile.gettempdir()) / f"warren-last-port-{os.getuid()}"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


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
