"""Takes samples: through the management API, over AMQP where there is none, from workers, and by looking into queues.

Not here: the ways to see (`through_management.py`, `through_amqp.py`, `worker_metrics.py`, `look.py`), and what the
samples mean (`measure.py`, `diagnosis.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Self, final

from warren.clock import Clock, SystemClock
from warren.config import BrokerSettings
from warren.errors import BrokerRefused, BrokerUnavailable, ConfigurationError
from warren.operations.link import open_connection
from warren.signals.look import AGAIN, Looker, Turn, anybody
from warren.signals.samples import ConsumerSample, Sample
from warren.signals.seen import Seen, is_beside_any
from warren.signals.through_amqp import see_over_amqp
from warren.signals.through_management import ManagementDoor
from warren.signals.worker_metrics import MetricsEndpoint, read_worker_metrics
from warren.transport.connection import Connection

__all__ = ["Collector"]

RECOVERY = 2.0
"""Seconds to wait for a connection that was open before: whoever watches wants to know soon that it is gone."""


@final
class Collector:
    """Takes samples of a virtual host, or of `queues` with what is kept beside them. Not thread-safe; close it.

    With `may_be_missing`, a queue that is not there (yet) is told of in a sample's `unknown`; else no sample is taken.
    `metrics` are the URLs of workers' metrics. With `look`, dead-letter queues that are not empty are looked into for
    what their messages died of, and so is the head of a queue whose messages are redelivered; what is taken is given
    back in its order, and a queue is looked into again after `look_again` seconds if it has changed; one for
    which there is no `turn`, because somebody else of this process holds its messages, is looked into later. `timeout`
    is in seconds, for each thing that is asked for.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        *,
        queues: Sequence[str] = (),
        may_be_missing: bool = False,
        metrics: Sequence[str] = (),
        look: bool = True,
        look_again: float = AGAIN,
        turn: Turn = anybody,
        clock: Clock | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._settings = settings
        # Those kept beside another belong to it; they are there or not.
        self._queues = tuple(name for name in queues if not is_beside_any(queues, name))
        self._beside = tuple(name for name in queues if name not in self._queues)
        self._may_be_missing = may_be_missing
        self._endpoints = tuple(map(MetricsEndpoint.parse, metrics))
        self._clock = clock or SystemClock()
        self._timeout = timeout
        self._management = ManagementDoor(self._clock, timeout=timeout)
        self._looker = Looker(self._clock, look_again, turn) if look else None
        self._link = ExitStack()
        self._connection: Connection | None = None  # set once it has been open; it recovers by itself
        self._names: tuple[str, ...] = ()  # the queues last seen through the management API

    def __repr__(self) -> str:
        return f"<Collector of {', '.join(self._queues) or 'all queues'} at {self._settings.redacted}>"

    @property
    def virtual_host(self) -> str:
        """The virtual host whose queues are sampled."""
        return self._settings.virtual_host

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. A later sample opens them again."""
        self._management.close()
        self._connection = None
        self._link.close()

    def sample(self, *, on_seen: Callable[[Sample], object] | None = None) -> Sample:
        """Take a sample. `on_seen` is given what is known of it before queues are looked into, which takes longer.

        Raises `BrokerUnavailable` where no broker answers in time, `BrokerRefused`, `TopologyMissing` for a queue that
        is not there, and `ConfigurationError` where queues must be named because nothing lists them.
        """
        connection = self._open()
        at, now = self._clock.monotonic(), self._clock.now()
        seen = self._see(connection)
        consumers, silent = self._ask_workers(seen)
        sample = Sample(
            at=at,
            time=now,
            queues=seen.queues,
            broker=seen.broker,
            consumers=consumers,
            names=seen.names,
            subscribed=seen.subscribed,
            unknown=(*seen.unknown, *silent),
        )
        if self._looker is None:
            return sample
        if on_seen is not None:
            on_seen(sample)
        looked = self._looker.look(connection, seen)
        return replace(sample, dead=looked.dead, heads=looked.heads, unknown=(*sample.unknown, *looked.unknown))

    def _open(self) -> Connection:
        if self._connection is None:
            opening = open_connection(self._settings, "warren signals", timeout=self._timeout)
            self._connection = self._link.enter_context(opening)
        self._connection.wait_open(min(self._timeout, RECOVERY))
        return self._connection

    def _see(self, connection: Connection) -> Seen:
        try:
            seen = self._management.see(connection).only(self._queues, may_be_missing=self._may_be_missing)
        except (BrokerUnavailable, BrokerRefused) as error:
            return self._see_without(connection, error)
        self._names = tuple(seen.queues)
        return seen

    def _see_without(self, connection: Connection, error: BrokerUnavailable | BrokerRefused) -> Seen:
        names = self._queues or self._names
        if not names:
            raise ConfigurationError(
                f"without the management API nothing lists the queues; name them (--queue, or MODULE:APP): {error}"
            ) from error
        wanted = tuple(name for name in names if not is_beside_any(names, name))
        seen = see_over_amqp(
            connection,
            wanted,
            beside=(*self._beside, *names),
            may_be_missing=self._may_be_missing or not self._queues,  # one that the API told of may be gone by now
            timeout=self._timeout,
        )
        return replace(seen, unknown=(*seen.unknown, f"why: {error}"))

    def _ask_workers(self, seen: Seen) -> tuple[tuple[ConsumerSample, ...], list[str]]:
        texts, silent = [], []
        for endpoint in self._endpoints:
            try:
                text = endpoint.fetch()
                read_worker_metrics([text])
                texts.append(text)
            except (BrokerUnavailable, ValueError) as error:
                silent.append(f"what the worker at {endpoint.url} sees: {error}")
        told = read_worker_metrics(texts)
        return tuple(one for one in told if one.queue in seen.queues), silent
