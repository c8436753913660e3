"""Virtual hosts to play scenarios in: as good as new for each, made anew only where that is necessary.

Not here: the scenarios. RabbitMQ takes up to a tenth of a second to make or delete a virtual host.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any
from urllib.parse import quote

from tests.differential.management import management_call

__all__ = ["Vhosts"]

_PATIENCE = 10.0


class Vhosts:
    """Lends out virtual hosts of one broker. Used by many threads."""

    def __init__(self, management_port: int) -> None:
        self._port = management_port
        self._clean: SimpleQueue[str] = SimpleQueue()
        self._one_at_a_time = threading.Lock()  # RabbitMQ makes several at once ten times as slowly.

    @contextmanager
    def lend(self, *, is_private: bool) -> Iterator[str]:
        """Lend a virtual host without anything in it; a private one is deleted afterwards."""
        vhost = self._take()
        yield vhost
        if is_private or not self._emptied(vhost):
            with self._one_at_a_time:
                self._call("DELETE", f"vhosts/{vhost}")
        else:
            self._clean.put(vhost)

    def _take(self) -> str:
        try:
            return self._clean.get_nowait()
        except Empty:
            vhost = f"diff-{uuid.uuid4().hex[:12]}"
            with self._one_at_a_time:
                self._call("PUT", f"vhosts/{vhost}")
                self._call("PUT", f"permissions/{vhost}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
            return vhost

    def _emptied(self, vhost: str) -> bool:
        """Delete queues, exchanges and policies; wait for exclusive queues to go with their connections."""
        deadline = time.monotonic() + _PATIENCE
        while queues := self._call("GET", f"queues/{vhost}?columns=name,exclusive"):
            if time.monotonic() > deadline:
                return False
            for queue in queues:
                if not queue.get("exclusive"):
                    self._call("DELETE", f"queues/{vhost}/{quote(queue['name'], safe='')}")
        for exchange in self._call("GET", f"exchanges/{vhost}?columns=name"):
            if exchange["name"] and not exchange["name"].startswith("amq."):
                self._call("DELETE", f"exchanges/{vhost}/{quote(exchange['name'], safe='')}")
        for policy in self._call("GET", f"policies/{vhost}") or ():
            self._call("DELETE", f"policies/{vhost}/{policy['name']}")
        return True

    def _call(self, method: str, path: str, body: object = None) -> Any:
        return management_call(self._port, method, path, body)
