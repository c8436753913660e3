"""Both ends of a socket, as the session knows them.

Not here: the socket (`server.py`).
"""

from __future__ import annotations

__all__ = ["Peer"]


class Peer:
    """Both ends of a connection's socket, and who the client's certificate says it is."""

    __slots__ = ("certificate_name", "host", "peer_host", "peer_port", "port", "ssl")

    def __init__(
        self, peer: tuple[str, int], here: tuple[str, int], *, ssl: bool = False, certificate_name: str | None = None
    ) -> None:
        self.peer_host, self.peer_port = peer
        self.host, self.port = here
        self.ssl = ssl
        self.certificate_name = certificate_name

    @property
    def is_loopback(self) -> bool:
        return self.peer_host in {"::1", "localhost"} or self.peer_host.removeprefix("::ffff:").startswith("127.")
