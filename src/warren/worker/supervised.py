"""A worker process's end of the socket to its supervisor: it reports its health, and notices the supervisor's death.

Not here: the supervisor (`supervisor.py`).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from typing import Final

from warren.worker.reports import Began, Ended, Failed, Report, State, encode_report
from warren.worker.worker import Worker

__all__ = ["SupervisorLink"]

LOOK: Final = 0.1  # seconds between two looks at the worker's health
REPORT: Final = 1.0  # seconds after which unchanged health is reported all the same


class SupervisorLink:
    """Talks to the supervisor over an inherited socket; `descriptor` is its number.

    The socket's end means that the supervisor asks it to stop, or is gone: the process then stops gracefully.
    """

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)  # what a handler starts must not keep it open
        self._sending = threading.Lock()
        self._worker: Worker | None = None
        self.is_alone = False
        """Whether the supervisor has died: a report did not reach it. It closes its end only behind a process."""
        threading.Thread(target=self._serve, name="warren-supervised", daemon=True).start()

    def began(self, worker: Worker, *, grace: float) -> None:
        """Report that the application is loaded, and from now on how `worker` is."""
        self._send(Began(grace))
        self._worker = worker

    def failed(self, error: str) -> None:
        """Report why the process ends."""
        self._send(Failed(error))

    def ended(self, code: int) -> None:
        """Report that the worker has shut down; what still runs is killed after a while."""
        self._worker = None
        self._send(Ended(code))

    def _serve(self) -> None:
        last: State | None = None
        due = 0.0
        # The supervisor never writes: readable means that it closed its end, or this direction of it.
        while not select.select([self._socket], [], [], LOOK)[0]:
            worker = self._worker
            if worker is None:
                continue
            state = State(worker.health())
            if state != last or time.monotonic() >= due:
                last, due = state, time.monotonic() + REPORT
                self._send(state)
        worker = self._worker
        if worker is not None:
            worker.stop("the supervisor stops")  # no signal: whoever signals all processes has sent one already
        else:
            os.kill(os.getpid(), signal.SIGTERM)

    def _send(self, report: Report) -> None:
        with self._sending:
            try:
                self._socket.sendall(encode_report(report))
            except OSError:
                self.is_alone = True  # `_serve` notices that too
