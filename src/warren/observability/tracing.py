"""What a tracer is told of a message's way: the port, and the one that traces nothing.

Not here: OpenTelemetry (`otel.py`), or events, which tell of the same steps without a context (`events.py`).

A publisher asks once for a `PublishTracer`, a consumer once for a `ConsumeTracer`. Whoever has none does nothing for
each message but look. Nothing here may raise or block: a tracer that fails costs its span, never an outcome.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from warren.config import Host
from warren.contracts.envelope import Outgoing
from warren.contracts.incoming import Incoming
from warren.contracts.properties import Headers

__all__ = [
    "UNTRACED",
    "Attempt",
    "ConsumeTracer",
    "Consumption",
    "PublishTracer",
    "Sending",
    "Server",
    "Settlement",
    "Settling",
    "Tracing",
    "default_tracing",
    "set_default_tracing",
]

Server = Callable[[], Host | None]
"""Tells the broker host a connection has, or had last; None before the first."""


class Settlement(StrEnum):
    """What is done with a delivery."""

    ACK = "ack"
    RETRY = "retry"
    DEFER = "defer"
    DEAD_LETTER = "dead_letter"


class Sending(Protocol):
    """One publish on its way."""

    @property
    def headers(self) -> Headers:
        """All headers the message is to travel with."""

    def end(self, error: BaseException | None = None) -> None:
        """It is confirmed, or failed with `error`. The first call counts; from any thread."""


class Attempt(Protocol):
    """One run of a handler. Its context is current on the thread or task that began it, until it ends there."""

    @property
    def trace_id(self) -> str:
        """The trace it belongs to, 32 hexadecimal digits; empty where there is none."""

    @property
    def traceparent(self) -> str:
        """The attempt itself, as a W3C traceparent; empty where there is none."""

    def fail(self, error: BaseException) -> None:
        """The handler raised, or ran too long. The first call counts; from any thread."""

    def end(self) -> None:
        """The handler is done with. The first call counts; from any thread."""


class Settling(Protocol):
    """One delivery on its way to being acknowledged."""

    def end(self, error: BaseException | None = None) -> None:
        """It is acknowledged, or left to the broker for `error`."""


class PublishTracer(Protocol):
    """Traces the publishes of one publisher."""

    def send(self, outgoing: Outgoing, *, has_own_key: bool) -> Sending | None:
        """Begin a publish in the caller's context. `has_own_key`: its routing key is not the one its class declares."""


class ConsumeTracer(Protocol):
    """Traces the deliveries of one consumer."""

    def process(self, incoming: Incoming, message_id: str) -> Attempt | None:
        """Begin an attempt in the message's context, which becomes the current one."""

    def settle(
        self, operation: Settlement, incoming: Incoming, message_id: str, attempt: Attempt | None
    ) -> Settling | None:
        """Begin to settle what `attempt` came to; None where no handler ran."""


@dataclass(frozen=True, slots=True)
class Consumption:
    """A consumer as a tracer sees it.

    `declared` are the exchanges and routing keys its contracts name. `hides_errors`: of what a handler raises only the
    type may be told.
    """

    queue: str
    declared: frozenset[tuple[str, str]]
    hides_errors: bool = False


class Tracing(Protocol):
    """Makes tracers. None where nothing is traced."""

    def publisher(self, server: Server) -> PublishTracer | None: ...

    def consumer(self, consumption: Consumption, server: Server) -> ConsumeTracer | None: ...


class _Untraced:
    def publisher(self, server: Server) -> PublishTracer | None:
        return None

    def consumer(self, consumption: Consumption, server: Server) -> ConsumeTracer | None:
        return None


UNTRACED: Final[Tracing] = _Untraced()

_default: Tracing = UNTRACED


def default_tracing() -> Tracing:
    """Return how applications are traced that were not told otherwise."""
    return _default


def set_default_tracing(tracing: Tracing) -> None:
    """Trace all applications of this process that were not told otherwise, from their next publisher or worker on."""
    global _default  # noqa: PLW0603
    _default = tracing
