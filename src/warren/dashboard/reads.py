"""What pages ask of the management API beyond the samples: shared by all browsers, each once an interval at most.

Not here: the samples themselves (`watch.py`), and what the pages make of the answers (`pages/`).

Theory of operation: `look` never waits. It returns the last answer there is, and where that is too old has a thread
read it anew; whoever looks again finds it. What nobody looks at is not read. One thread asks, one thing at a time, so a
slow broker is asked less often, never more.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar, final

from warren.clock import Clock, SystemClock
from warren.config import BrokerSettings
from warren.errors import BrokerUnavailable, WarrenError
from warren.management.client import ManagementClient
from warren.management.connections import CONNECTION_NAME_COLUMNS, read_connection_names
from warren.operations.link import open_connection
from warren.provisioning import open_management
from warren.topology.actual import Actual

__all__ = ["Answer", "Reads"]

T = TypeVar("T")

_MOST: Final = 200  # answers kept
_SELDOM: Final = 2  # intervals; for what changes with a deployment, not with a message
_ENOUGH: Final = 1.0  # seconds to wait for the thread at the end

_log = logging.getLogger("warren.dashboard")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[T]):
    """What the broker last said. `number` grows with every answer that differs; 0 is before the first.

    `value` is from `time`, in seconds since the epoch; None where there never was one. `problem` says why there is no
    newer one, empty where there is; `is_refused` that the broker answers, but not to us.
    """

    number: int = 0
    value: T | None = None
    time: float | None = None
    problem: str = ""
    is_refused: bool = False

    @property
    def is_awaited(self) -> bool:
        """Whether nothing was said yet."""
        return self.number == 0


@final
@dataclass(slots=True)
class _Entry:
    """One thing that is asked for. `asked` is when it was last read, on the monotonic clock."""

    read: Callable[[ManagementClient], Any]
    answer: Answer[Any]
    asked: float | None = None
    is_waiting: bool = False


@final
class Reads:
    """Reads the management API of one broker. `look` may be called from any thread, the event loop's too.

    `opening` returns a client, which is closed again where the broker does not answer, and at the end.
    """

    def __init__(
        self,
        opening: Callable[[], ManagementClient],
        *,
        virtual_host: str,
        interval: float,
        clock: Clock | None = None,
    ) -> None:
        self._opening = opening
        self._virtual_host = virtual_host
        self._interval = interval
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, ...], _Entry] = OrderedDict()
        self._todo: SimpleQueue[_Entry | None] = SimpleQueue()
        self._client: ManagementClient | None = None  # used by the thread alone
        self._failed: tuple[float, WarrenError] | None = None  # when it could not be opened, and why
        self._thread = threading.Thread(target=self._run, name="warren-dashboard-reads", daemon=True)

    @classmethod
    def of(cls, broker: BrokerSettings, *, interval: float, timeout: float) -> Reads:
        """Return what reads a broker's management API, wherever that is. `timeout` is in seconds, for each request."""

        def opening() -> ManagementClient:
            with open_connection(broker, "warren dashboard", timeout=timeout) as connection:
                return open_management(connection, timeout=timeout)

        return cls(opening, virtual_host=broker.virtual_host, interval=interval)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Read nothing more. A broker that does not answer is not waited for."""
        self._todo.put(None)
        self._thread.join(_ENOUGH)

    def look(
        self, key: tuple[str, ...], read: Callable[[ManagementClient], T], *, every: float | None = None
    ) -> Answer[T]:
        """Return what is known under `key`, and have `read` find it out again after `every` seconds (the interval).

        `read` is called on a thread, with Warren's errors as its only ones.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                entry = self._entries[key] = _Entry(read, Answer())
                if len(self._entries) > _MOST:
                    self._entries.popitem(last=False)
            self._entries.move_to_end(key)
            age = None if entry.asked is None else self._clock.monotonic() - entry.asked
            if not entry.is_waiting and (age is None or age >= max(every or 0.0, self._interval)):
                entry.is_waiting = True
                self._todo.put(entry)
            return entry.answer

    # -- what several pages look at -----------------------------------------------------------

    def topology(self) -> Answer[Actual]:
        """Look at every exchange, queue and binding of the virtual host."""
        seldom = _SELDOM * self._interval
        return self.look(("topology",), lambda client: client.read_topology(self._virtual_host), every=seldom)

    def connection_names(self) -> Answer[Mapping[str, str]]:
        """Look at what programs call their connections, by what the broker calls them."""

        def read(client: ManagementClient) -> Mapping[str, str]:
            path = ("vhosts", self._virtual_host, "connections")
            return client.ask(read_connection_names, *path, columns=CONNECTION_NAME_COLUMNS)

        return self.look(("connections",), read)

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while (entry := self._todo.get()) is not None:
            self._answer(entry)
        self._close()

    def _answer(self, entry: _Entry) -> None:
        answer = self._ask(entry)
        with self._lock:
            entry.answer, entry.asked, entry.is_waiting = answer, self._clock.monotonic(), False

    def _ask(self, entry: _Entry) -> Answer[Any]:
        former = entry.answer
        try:
            value = entry.read(self._opened())
        except WarrenError as error:
            if isinstance(error, BrokerUnavailable):
                self._close()  # another broker may be there next
            is_refused = not isinstance(error, BrokerUnavailable)
            return _said(former, problem=str(error), is_refused=is_refused)
        except Exception as error:
            _log.exception("the management API could not be read")
            return _said(former, problem=f"a fault in the dashboard: {error}", is_refused=False)
        return replace(_said(former, value=value, problem="", is_refused=False), time=self._clock.now())

    def _opened(self) -> ManagementClient:
        """Return the client. One that could not be opened is not tried again before the interval is over."""
        if self._client is not None:
            return self._client
        if self._failed is not None and self._clock.monotonic() - self._failed[0] < self._interval:
            raise self._failed[1]
        try:
            self._client = self._opening()
        except WarrenError as error:
            self._failed = self._clock.monotonic(), error
            raise
        self._failed = None
        return self._client

    def _close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None


def _said(former: Answer[Any], **news: Any) -> Answer[Any]:
    """Return the next answer; its number is the former's where it says the same."""
    answer = replace(former, **news)
    is_news = former.is_awaited or answer != former
    return replace(answer, number=former.number + 1) if is_news else answer
