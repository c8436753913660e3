"""A broker in a thread of this process, and the hooks that tests drive it with.

Not here: what runs in the thread (`running.py`), faults (`faults.py`).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote

from warren.broker.node import Node
from warren.broker.running import RunningBroker, new_event_loop, running
from warren.broker.settings import BrokerConfig
from warren.clock import Clock, ManualClock
from warren.errors import BrokerUnavailable

__all__ = ["EmbeddedBroker"]

T = TypeVar("T")

_PATIENCE: Final = 10.0


class EmbeddedBroker:
    """An AMQP broker in a thread of its own, which clients reach over loopback. Use it in a `with` block.

    Without a `config` it listens on free ports and keeps messages in memory. `clock` may be a `ManualClock`: TTLs,
    expiry and delays then pass with `advance` alone. Raises `BrokerUnavailable` when it cannot listen.
    """

    def __init__(self, config: BrokerConfig | None = None, *, clock: Clock | None = None) -> None:
        self.config = config or BrokerConfig(port=0, management_port=0)
        self._clock = clock
        self._broker: RunningBroker | None = None  # set while it runs
        self._loop = new_event_loop()
        self._stop: asyncio.Event
        self._started: concurrent.futures.Future[RunningBroker] = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, name="warren-broker", daemon=True)

    def __repr__(self) -> str:
        return f"<EmbeddedBroker on {self.port}>" if self._broker is not None else "<EmbeddedBroker stopped>"

    # -- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start it; returns once it listens."""
        self._thread.start()
        self._broker = self._started.result()
        return self

    def stop(self) -> None:
        """Close all connections, flush, and end the thread."""
        if self._broker is not None:
            self._broker = None
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with running(self.config, self._clock) as broker:
            self._started.set_result(broker)
            await self._stop.wait()

    # -- where it is -----------------------------------------------------------------------

    @property
    def port(self) -> int:
        return self._running.port

    @property
    def url(self) -> str:
        """The AMQP URL of the virtual host `/`, with the first user's login."""
        config = self.config
        scheme = "amqps" if config.is_tls_only else "amqp"
        login = f"{quote(config.user, safe='')}:{quote(config.password, safe='')}"
        return f"{scheme}://{login}@{config.host}:{self.port}/%2F"

    @property
    def management_url(self) -> str | None:
        """The base URL of the HTTP API, with the login; None without one."""
        port = self._running.management_port
        config = self.config
        return None if port is None else f"http://{config.user}:{config.password}@{config.host}:{port}"

    @property
    def _running(self) -> RunningBroker:
        if self._broker is None:
            raise BrokerUnavailable("the embedded broker is not running; start it first")
        return self._broker

    # -- hooks -----------------------------------------------------------------------------

    def call(self, function: Callable[[Node], T]) -> T:
        """Run `function` with the node on the broker's thread; return what it returns."""
        broker = self._running
        result: concurrent.futures.Future[T] = concurrent.futures.Future()

        def run() -> None:
            try:
                result.set_result(function(broker.node))
            except BaseException as error:
                result.set_exception(error)
            broker.node.wake()

        self._loop.call_soon_threadsafe(run)
        return result.result()

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass on the manual clock: everything due by then has happened on return."""
        clock = self._clock
        if not isinstance(clock, ManualClock):
            raise TypeError("only a broker with a ManualClock can be advanced: EmbeddedBroker(clock=ManualClock())")
        self.call(lambda node: _advance(node, clock, seconds))

    def wait_until(self, condition: Callable[[Node], object], *, timeout: float = _PATIENCE) -> None:
        """Return once `condition` holds, asked on the broker's thread after each thing that happens there.

        Raises TimeoutError after `timeout` seconds.
        """
        held = threading.Event()

        def watch(node: Node) -> None:
            def is_over() -> bool:
                if not held.is_set() and condition(node):
                    held.set()
                return held.is_set()

            if not is_over():
                node.watchers.append(is_over)

        self.call(watch)
        if not held.wait(timeout):
            held.set()  # the watcher goes with the next turn
            raise TimeoutError(f"the condition did not hold within {timeout:g} s")


def _advance(node: Node, clock: ManualClock, seconds: float) -> None:
    """Step from deadline to deadline, so that what is due later sees what was due before."""
    end = clock.monotonic() + seconds
    while (deadline := node.timers.next_deadline()) <= end:
        clock.advance(max(0.0, deadline - clock.monotonic()))
        node.timers.fire(clock.monotonic())
        node.end_turn()
    clock.advance(max(0.0, end - clock.monotonic()))
