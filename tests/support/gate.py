"""A gate before a server: a TCP forwarder that a test shuts and opens, to lose connections and get them back.

Not here: the server behind it, which is not touched.
"""

from __future__ import annotations

import socket
import threading
from types import TracebackType

from warren.integrations.loopback_ports import free_port

__all__ = ["Gate"]


class Gate:
    """Forwards `port` to the server's port; open from the start."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.port: int = self._listener.getsockname()[1]
        self._start()

    def __enter__(self) -> Gate:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shut()

    def shut(self) -> None:
        """Refuse new connections and cut the present ones."""
        _end(self._listener)
        self.cut()

    def cut(self) -> None:
        """Cut the present connections; new ones are let in."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for end in sockets:
            _end(end)

    def open(self) -> None:
        """Let connections in again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def _start(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                _end(near)
                continue
            with self._lock:
                is_shut = listener.fileno() == -1  # `shut` closes it before it cuts
                if not is_shut:
                    self._sockets += [near, far]
            if is_shut:
                _end(near)
                _end(far)
                return
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_forward, args=(source, target), daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        _end(target)


def _end(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)  # Wakes the thread that waits in it; closing alone would not.
    except OSError:
        pass
    end.close()
