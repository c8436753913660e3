"""One worker process as its supervisor sees it: started, heard, signalled, ended.

Not here: when to do which (`supervisor.py`), or the process's own side (`supervised.py`).
"""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, assert_never

from warren.worker.exits import ChildExit
from warren.worker.health import Health
from warren.worker.reports import Began, Ended, Failed, State, decode_report

__all__ = ["Child"]

SILENCE: Final = 10.0
"""A child that reported nothing for so long, in seconds, no longer counts as live."""

LINGER: Final = 5.0
"""How long a process may take to end after its worker has shut down, in seconds."""

_log = logging.getLogger("warren.supervisor")


class Child:
    """A worker process that was started just now. `command` is completed with the number of its socket."""

    def __init__(self, command: Sequence[str]) -> None:
        self.has_begun = False  # its application is loaded; nothing is in flight before that
        self.grace = 0.0  # until it says
        self.was_ready = False
        self.is_silent = False  # its end of the socket is closed
        self._end: tuple[int, float] | None = None  # its worker's exit code, and when it shut down
        self._error = ""
        self._health: Health | None = None
        self._heard_at = self._started_at = time.monotonic()
        self._received = b""
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*command, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # a terminal's Ctrl-C reaches the supervisor only, which passes it on once
                )
            except BaseException:
                self.socket.close()
                raise

    def __repr__(self) -> str:
        return f"<Child {self.pid}, {'ready' if self.is_ready else 'not ready'}>"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether its last report said so."""
        health = self._health
        return health is not None and health.ready

    def health(self) -> Health | None:
        """Return its last report, None before the first; after a long silence it is not live."""
        health = self._health
        if health is not None and time.monotonic() - self._heard_at > SILENCE:
            return replace(health, live=False)
        return health

    def hear(self) -> None:
        """Take in what it has reported since."""
        try:
            while received := self.socket.recv(65_536):
                self._received += received
            self.is_silent = True
        except BlockingIOError:
            pass
        except OSError:
            self.is_silent = True
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            report = decode_report(line)
        except (ValueError, KeyError, TypeError) as unreadable:
            _log.warning("worker %d reports what cannot be read: %s", self.pid, unreadable)
            return
        self._heard_at = time.monotonic()
        match report:
            case Began(grace):
                self.has_begun, self.grace = True, grace
            case State(health):
                self._health = health
                self.was_ready = self.was_ready or health.ready
            case Failed(error):
                self._error = error
            case Ended(code):
                self._end = (code, self._heard_at)
            case _:
                assert_never(report)

    def stop(self) -> None:
        """Ask it to stop gracefully. Not by a signal, since whoever signals every process has sent it one already, and
        a second one ends it at once; but for one that is still loading, which listens to nothing else."""
        if not self.has_begun:
            self.signal(signal.SIGTERM)
            return
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has ended

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens where it has ended."""
        self._process.send_signal(number)

    def ended(self) -> ChildExit | None:
        """Return how it ended, None while it runs."""
        code = self._process.poll()
        return None if code is None else self._exit(code)

    def wait(self) -> ChildExit:
        """Wait until it has ended, and return how; for one that was killed."""
        return self._exit(self._process.wait())

    def _exit(self, code: int) -> ChildExit:
        self.hear()
        if self._end is not None:
            code = self._end[0]  # however its interpreter ended after that
        return ChildExit(code, self.was_ready, time.monotonic() - self._started_at, self._error)

    def lingers(self) -> bool:
        """Whether its worker has shut down long ago and something, a thread of a handler's, keeps the process."""
        return self._end is not None and time.monotonic() - self._end[1] > LINGER

    def close(self) -> None:
        """Let go of the socket. A child that still runs takes that for its supervisor's death."""
        self.socket.close()
