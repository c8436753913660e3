"""Several worker processes under one parent: started, replaced when they end, stopped together.

Not here: what follows from an exit (`exits.py`), one child's process and socket (`child.py`).

Theory of operation. One loop, woken by a report, a closed socket, a signal, or a fifth of a second. Each place holds a
running child, or the time at which the next one starts. SIGUSR1 is passed on to all children, which
write what their threads are at. On the first SIGTERM or SIGINT all children are asked to stop, and have their grace
time and a margin to finish; then, or on a second signal, they are killed. Killed or not, nothing is lost: what is
unacknowledged is redelivered. Children notice the parent's death by the socket's end and stop on their own. Nothing of
the application is imported here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import select
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Final, assert_never

from warren.errors import ConfigurationError
from warren.observability import events
from warren.reliability.backoff import Backoff
from warren.worker.child import Child
from warren.worker.exits import ChildExit, ExitCode, GiveUp, Restart, after_exit
from warren.worker.health import Health

__all__ = ["Supervisor"]

MARGIN: Final = 15.0
"""Seconds beyond the grace time for cancelling, closing connections and stores."""

_TICK: Final = 0.2
_BACKOFF: Final = Backoff(base=0.5, cap=30.0)
_log = logging.getLogger("warren.supervisor")


@dataclass(slots=True)
class _Place:
    """One of the wanted processes."""

    child: Child | None = None
    start_at: float = 0.0  # monotonic; counts only while there is no child
    tries: int = 0  # failures in a row


class Supervisor:
    """Keeps `processes` children alive. `command` starts one, once the number of its socket is appended."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        processes: int,
        bus: events.EventBus,
        backoff: Backoff = _BACKOFF,
        rng: random.Random | None = None,
    ) -> None:
        self._command = tuple(command)
        self._places = [_Place() for _ in range(processes)]
        self._bus = bus
        self._backoff = backoff
        self._rng = rng or random.Random()
        self._any_was_ready = False
        self._signals: list[int] = []
        self._wake, self._woken = os.pipe()

    def __repr__(self) -> str:
        return f"<Supervisor of {len(self._places)}, {len(self._children())} running>"

    def health(self) -> list[Health | None]:
        """Return the last report of each wanted process, None for one that is not there. From any thread."""
        children = [place.child for place in self._places]
        return [child.health() if child is not None else None for child in children]

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; return the exit code. For the main thread.

        Raises `ConfigurationError` with what a child said where none was ever ready and none can be.
        """
        with self._handled_signals():
            try:
                while not self._signals:
                    self._start_due()
                    self._listen()
                    self._replace_ended()
                _log.info("stopping (%s): %d workers", signal.Signals(self._signals[0]).name, len(self._children()))
                return self._shut_down()
            finally:
                self._kill()

    # -- running ----------------------------------------------------------------------------

    def _children(self) -> list[Child]:
        return [place.child for place in self._places if place.child is not None]

    def _start_due(self) -> None:
        for place in self._places:
            if place.child is None and time.monotonic() >= place.start_at:
                try:
                    place.child = Child(self._command)
                except OSError as error:  # no memory, too many processes: that may pass
                    place.start_at = time.monotonic() + self._backoff.delay(place.tries, self._rng)
                    place.tries += 1
                    _log.error("a worker cannot be started, and is tried again: %s", error)

    def _listen(self) -> None:
        """Wait for news, at most a tick, and take in reports."""
        speaking = [child for child in self._children() if not child.is_silent]
        due = [place.start_at - time.monotonic() for place in self._places if place.child is None]
        # A closed socket announces an end that the system may tell of a little later.
        tick = _TICK if len(speaking) == len(self._children()) else _TICK / 10
        descriptors = [self._wake, *(child.socket.fileno() for child in speaking)]
        readable, _, _ = select.select(descriptors, [], [], max(0.0, min([tick, *due])))
        if self._wake in readable:
            os.read(self._wake, 64)
        for child in speaking:
            if child.socket.fileno() in readable:
                child.hear()
        self._any_was_ready = self._any_was_ready or any(child.was_ready for child in speaking)

    def _replace_ended(self) -> None:
        for place in self._places:
            exit_ = self._reap(place)
            if exit_ is not None and not self._signals:
                self._replace(place, *exit_)

    def _reap(self, place: _Place) -> tuple[int, ChildExit] | None:
        """Empty the place of a child that has ended; return its process id and how it ended."""
        child = place.child
        if child is None:
            return None
        if child.lingers():
            child.signal(signal.SIGKILL)
        exit_ = child.ended()
        if exit_ is None:
            return None
        self._any_was_ready = self._any_was_ready or exit_.was_ready
        place.child = None
        child.close()
        return child.pid, exit_

    def _replace(self, place: _Place, pid: int, exit_: ChildExit) -> None:
        verdict = after_exit(
            exit_, tries=place.tries, any_was_ready=self._any_was_ready, backoff=self._backoff, rng=self._rng
        )
        match verdict:
            case Restart(delay, tries):
                place.tries, place.start_at = tries, time.monotonic() + delay
                self._bus.emit(events.WorkerExited(pid, exit_.code, exit_.reason, delay))
            case GiveUp():
                self._shut_down(announce=False)
                raise ConfigurationError(exit_.reason)
            case _:
                assert_never(verdict)

    # -- stopping ---------------------------------------------------------------------------

    def _shut_down(self, *, announce: bool = True) -> int:
        """Stop all children; return the worst of how they ended, or 128 and the number of a second signal."""
        worst = ExitCode.OK
        deadline = time.monotonic() + MARGIN + max((child.grace for child in self._children()), default=0.0)
        for child in self._children():
            child.stop()
        while self._children() and len(self._signals) < 2 and time.monotonic() < deadline:
            self._listen()
            for place in self._places:
                exit_ = self._reap(place)
                if exit_ is not None and announce and not self._tell_end(*exit_):
                    worst = ExitCode.UNFINISHED
        if self._kill():
            worst = ExitCode.UNFINISHED
        return 128 + self._signals[1] if len(self._signals) > 1 else worst

    def _tell_end(self, pid: int, exit_: ChildExit) -> bool:
        """Announce a child's end at shutdown; tell whether it left nothing unfinished."""
        if exit_.code in (ExitCode.OK, -signal.SIGTERM):  # by the signal itself: before it had begun anything
            return True
        self._bus.emit(events.WorkerExited(pid, exit_.code, exit_.reason, None))
        return False

    def _kill(self) -> int:
        """Kill what is left; return how many that were."""
        children = self._children()
        for child in children:
            child.signal(signal.SIGKILL)
        for child in children:
            self._tell_end(child.pid, child.wait())
            child.close()
        for place in self._places:
            place.child = None
        return len(children)

    # -- signals ----------------------------------------------------------------------------

    @contextlib.contextmanager
    def _handled_signals(self) -> Iterator[None]:
        def on_signal(number: int, _frame: FrameType | None) -> None:
            self._signals.append(number)
            os.write(self._woken, b".")

        def on_stacks(_number: int, _frame: FrameType | None) -> None:
            for child in self._children():
                if child.has_begun:
                    child.signal(signal.SIGUSR1)

        former = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        former[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, on_stacks)
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
            os.close(self._wake)
            os.close(self._woken)
