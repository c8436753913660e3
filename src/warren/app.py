"""The Warren facade: an application's consumers and publishers, wired to the layers below.

Not here: any rule of its own.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack

from warren.async_publishing import AsyncPublisher
from warren.bindings import Bind, exchange_of, resolve_bindings
from warren.claim_check.check import ClaimCheck, claim_check_of
from warren.clock import Clock, SystemClock
from warren.config import DEFAULT_STORE, BrokerSettings, WorkerSettings
from warren.contracts.lookup import DEFAULT_MAX_BODY, Contracts
from warren.contracts.message import Message
from warren.embedding import EmbeddedAddress, read_address, start_embedded
from warren.errors import ConfigurationError
from warren.observability.events import E, EventBus
from warren.observability.tracing import Tracing, default_tracing
from warren.publish_core import PublishingCore, PublishOptions, Receipt
from warren.publish_link import PublishLink
from warren.publishing import Publisher
from warren.reliability.classify import Rules, Unknown
from warren.reliability.dead_letter import Redact
from warren.reliability.retry import Retry
from warren.topology import Queue, Topology, parse_duration
from warren.topology.duration import Duration
from warren.transport.connection import Connection
from warren.worker.handler import inspect_handler
from warren.worker.spec import ConsumerSpec, Idempotency

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from warren.asyncapi.application import Described
    from warren.observability.prometheus.metrics import Metrics
    from warren.reliability.stores.open import Store
    from warren.topology.plan import Plan
    from warren.worker.worker import ExitCode, Worker, WorkerParts

__all__ = ["Warren"]

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_RETRY: Final = Retry("1s", "10s", "1m")
DEFAULT_TIME_LIMIT: Final = 300.0
DEFAULT_WINDOW: Final = 1_000
DEFAULT_TIMEOUT: Final = 30.0
DEFAULT_IDEMPOTENCY_WINDOW: Final = Idempotency().window


class Warren:
    """A service's messaging: its consumers, its publishers, and the broker and store they use.

    `broker` is a URL or several of one cluster (default: $WARREN_BROKER, else `amqp://guest:guest@localhost:5672/%2F`);
    `embedded://` is a broker in this process, in memory, `embedded:///folder` one that keeps messages there.
    `store` is a URL (default: $WARREN_STORE, else `sqlite:///warren.db`). `publish_timeout` is in seconds (default 30),
    `window` is how many publishes may be unconfirmed (default 1,000), `max_body` is in bytes (default 16 MiB).
    `version` names the code in dead letters (default: $WARREN_CODE_VERSION), and `redact` may blank the texts of their
    errors. `claim_check` keeps large bodies in a store beside the broker (default: $WARREN_CLAIM_CHECK, else none).
    """

    def __init__(
        self,
        name: str,
        *,
        broker: str | Sequence[str] | None = None,
        store: str | None = None,
        version: str | None = None,
        publish_timeout: float = DEFAULT_TIMEOUT,
        window: int = DEFAULT_WINDOW,
        max_body: int = DEFAULT_MAX_BODY,
        claim_check: ClaimCheck | str | None = None,
        worker: WorkerSettings | None = None,
        redact: Redact | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not name:
            raise ConfigurationError('an application needs a name: Warren("billing")')
        if window < 1 or max_body < 1 or publish_timeout <= 0:
            raise ConfigurationError("window, max_body and publish_timeout must be more than 0")
        self.name = name
        self._broker = read_address(broker)
        self.settings = worker or WorkerSettings()
        self.events = EventBus()
        self._store_url = store
        self._version = version or os.environ.get("WARREN_CODE_VERSION")
        self._publish_timeout = publish_timeout
        self._window = window
        self._max_body = max_body
        self._claim_check = claim_check_of(claim_check)
        self._redact = redact
        self._clock: Clock = clock or SystemClock()
        self._specs: dict[str, ConsumerSpec] = {}
        self._published: dict[type[Message], None] = {}
        self.tracing: Tracing | None = None  # None: as the process's default
        self._lock = threading.Lock()
        self._link: PublishLink | None = None
        self._default_publisher: Publisher | None = None
        self._metrics: Metrics | None = None
        self._memory: Store | None = None
        self._core_type = PublishingCore
        self._store_opener: Callable[[], Store] | None = None  # set while `rebound`

    def __repr__(self) -> str:
        return f"<Warren {self.name}, {len(self._specs)} consumers, {self._broker}>"

    @property
    def broker(self) -> BrokerSettings:
        """Where the broker is. An embedded one is started for the first who asks."""
        if isinstance(self._broker, EmbeddedAddress):
            self._broker = BrokerSettings.parse(start_embedded(self._broker))
        return self._broker

    # -- declaring --------------------------------------------------------------------------

    def consumer(
        self,
        queue: str | Queue,
        *messages: Any,
        name: str | None = None,
        bind: Bind = None,
        retry: Retry = DEFAULT_RETRY,
        transient: Iterable[type[BaseException]] = (),
        permanent: Iterable[type[BaseException]] = (),
        unknown: str | Unknown = Unknown.RETRY,
        idempotent: bool | Callable[[Any], object] = False,
        idempotency_window: Duration = DEFAULT_IDEMPOTENCY_WINDOW,
        prefetch: int | None = None,
        concurrency: int | None = None,
        time_limit: Duration | None = DEFAULT_TIME_LIMIT,
    ) -> Callable[[F], F]:
        """Declare a handler for the messages of a queue. The function itself stays as it is, callable in tests.

        Return acknowledges, `raise Transient` retries with delay, `raise Permanent` dead-letters. `messages` are one or
        more message classes or a union (default: the handler's annotation). `bind` is a routing-key pattern, several,
        or `Headers` (default: what the messages say). `transient` and `permanent` list further exceptions; any
        other one follows `unknown`: "retry" (default) or "dead-letter". `idempotent=True` absorbs duplicates by message
        id, a function by what it returns. `prefetch` and `concurrency` are per worker process (defaults 50 and 8
        threads for `def`; 200 and 100 tasks for `async def`). `time_limit` bounds one run of the handler (default
        300 s).

        Raises `ConfigurationError` and its kinds.
        """

        def declare(function: F) -> F:
            handler = inspect_handler(function, messages)
            target = queue if isinstance(queue, Queue) else Queue(queue)
            spec = ConsumerSpec(
                name=name or target.name,
                queue=target,
                contracts=Contracts.of(*handler.messages, max_body=self._max_body),
                handler=handler,
                retry=retry,
                rules=Rules.of(transient=transient, permanent=permanent, unknown=unknown),
                bindings=resolve_bindings(target.name, handler.messages, bind),
                prefetch=(200 if handler.is_async else 50) if prefetch is None else prefetch,
                concurrency=(100 if handler.is_async else 8) if concurrency is None else concurrency,
                time_limit=None if time_limit is None else parse_duration(time_limit),
                idempotency=_idempotency(idempotent or handler.is_transactional, parse_duration(idempotency_window)),
            )
            self._add(spec)
            return function

        return declare

    def publishes(self, *messages: type[Message]) -> None:
        """Say which messages this application publishes, so that its topology has their exchanges."""
        for message in messages:
            self._published[message] = None

    def _add(self, spec: ConsumerSpec) -> None:
        for other in self._specs.values():
            if other.name == spec.name or other.queue.name == spec.queue.name:
                raise ConfigurationError(
                    f"queue {spec.queue.name!r} has two consumers, {other.handler.name} and {spec.handler.name}; "
                    f"give one handler both messages, or each its own queue"
                )
        _ = spec.topology  # raises where the declaration contradicts itself
        self._specs[spec.name] = spec

    @property
    def consumers(self) -> tuple[ConsumerSpec, ...]:
        """The declared consumers."""
        return tuple(self._specs.values())

    @property
    def published_messages(self) -> tuple[type[Message], ...]:
        """Every message class it says it publishes."""
        return tuple(self._published)

    @property
    def messages(self) -> tuple[type[Message], ...]:
        """Every message class this application consumes or says it publishes."""
        consumed = (message for spec in self._specs.values() for message in spec.contracts.classes)
        return tuple(dict.fromkeys([*self._published, *consumed]))

    @property
    def topology(self) -> Topology:
        """Everything the application needs on the broker."""
        exchanges = [exchange for exchange in map(exchange_of, self.messages) if exchange is not None]
        whole = Topology.of(*exchanges)
        for spec in self._specs.values():
            whole = whole | spec.topology
        return whole

    def described(self, description: str = "", *, with_broker: bool = True) -> Described:
        """Return what the AsyncAPI document of the application is made of. No broker is asked or started."""
        from warren.asyncapi.application import Described

        broker = self._broker if with_broker and isinstance(self._broker, BrokerSettings) else None
        version = self._version or "0.0.0"
        return Described(self.name, version, description.strip(), broker, self.published_messages, self.consumers)

    def on(self, *events: type[E]) -> Callable[[Callable[[E], None]], Callable[[E], None]]:
        """Subscribe the decorated function to events. It only observes: its errors are logged, never raised."""

        def subscribe(function: Callable[[E], None]) -> Callable[[E], None]:
            self.events.subscribe(function, *events)
            return function

        return subscribe

    def collect_metrics(self, registry: CollectorRegistry | None = None) -> None:
        """Keep Prometheus metrics of what this application does in this process, from now on.

        They are in `registry` (default: prometheus_client's own), to be served as its other metrics are. A worker has
        to be made after this call. `warren run --metrics-port` does all that by itself.
        """
        if self._metrics is None:
            from warren import __version__
            from warren.observability.prometheus.metrics import Metrics

            info = (__version__, self._version or "", self.name)
            self._metrics = Metrics(self.events, self._types, info=info, registry=registry)

    def _types(self) -> dict[str, frozenset[str]]:
        """Return the types of the messages each consumer reads, and under no name those that are published."""
        types = {
            spec.name: frozenset(message.__warren__.type for message in spec.contracts.classes)
            for spec in self._specs.values()
        }
        return {**types, "": frozenset(message.__warren__.type for message in self._published)}

    # -- publishing -------------------------------------------------------------------------

    def publish(self, message: Message, *, timeout: float | None = None, **options: Unpack[PublishOptions]) -> Receipt:
        """Publish one message; return once the broker confirmed it and a queue received it.

        `timeout` is in seconds (default: the application's). Raises `Unroutable`, `Nacked`, `Blocked`, `Indeterminate`
        or `MessageTooLarge`.
        """
        return self._publisher().publish(message, timeout=timeout, **options)

    def publisher(self, *, window: int | None = None, timeout: float | None = None) -> Publisher:
        """Return a pipelined publisher of its own: `with app.publisher() as publisher:`."""
        return Publisher(self._core(window, timeout))

    def async_publisher(self, *, window: int | None = None, timeout: float | None = None) -> AsyncPublisher:
        """Return a pipelined publisher for an event loop: `async with app.async_publisher() as publisher:`."""
        return AsyncPublisher(self._core(window, timeout))

    def connect(self, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Open the publishing connection now, rather than with the first publish.

        Raises `BrokerRefused`, or `BrokerUnavailable` after `timeout` seconds.
        """
        self._connection().wait_open(timeout)

    def _publisher(self) -> Publisher:
        publisher = self._default_publisher
        if publisher is None or self._link is None or not self._link.is_usable:
            connection = self._connection()
            with self._lock:
                if self._default_publisher is None:
                    self._default_publisher = Publisher(self._core(None, None, connection))
                publisher = self._default_publisher
        return publisher

    def _core(self, window: int | None, timeout: float | None, connection: Connection | None = None) -> PublishingCore:
        return self._core_type(
            connection or self._connection(),
            app_id=self.name,
            clock=self._clock,
            window=self._window if window is None else window,
            timeout=self._publish_timeout if timeout is None else timeout,
            max_body=self._max_body,
            tracing=self.tracing or default_tracing(),
            claim_check=self._claim_check,
        )

    def _connection(self) -> Connection:
        """Return the connection publishers share; another one in a forked child, and after a refusal."""
        with self._lock:
            if self._link is None or not self._link.is_usable:
                if self._link is not None and self._link.is_own:
                    self._link.close()
                self._link = PublishLink(self.name, self.broker, self.events)
                self._default_publisher = None
            return self._link.connection

    def close(self) -> None:
        """Confirm what is unconfirmed and close the publishing connection. A later publish opens it again."""
        with self._lock:
            link, publisher = self._link, self._default_publisher
            self._link = self._default_publisher = None
        if publisher is not None and link is not None and link.is_own:
            publisher.close()
        if link is not None and link.is_own:
            link.close()

    def __enter__(self) -> Warren:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- topology and work ------------------------------------------------------------------

    def plan(self) -> Plan:
        """Compare what the application needs with what the broker has; changes nothing."""
        from warren.provisioning import make_plan

        return make_plan(self._connection(), self.topology)

    def apply_topology(self) -> tuple[str, ...]:
        """Create what is missing on the broker, and return it as readable lines.

        Raises `TopologyConflict`, before anything is changed, where something exists with other properties.
        """
        from warren.provisioning import provision

        return provision(self._connection(), self.topology, apply=True)

    def open_store(self) -> Store:
        """Open the store of idempotency keys and of the status of offloaded work.

        `memory://` is one store for whatever this application object runs in this process.
        """
        if self._store_opener is not None:
            return self._store_opener()
        from warren.reliability.stores.open import open_store

        url = self._store_url or os.environ.get("WARREN_STORE") or DEFAULT_STORE
        if not url.startswith("memory:"):
            return open_store(url)
        with self._lock:
            if self._memory is None:
                self._memory = open_store(url)
            return self._memory

    def worker(self, settings: WorkerSettings | None = None) -> Worker:
        """Return a worker for this process; `with app.worker():` consumes while the block runs."""
        from warren.worker.worker import Worker

        return Worker(self.worker_parts(settings))

    def worker_parts(self, settings: WorkerSettings | None = None) -> WorkerParts:
        """Return what a worker is built from."""
        from warren.provisioning import provision
        from warren.worker.worker import WorkerParts

        chosen = settings or self.settings
        topology = self.topology
        return WorkerParts(
            name=self.name,
            broker=self.broker,
            specs=self.consumers,
            settings=chosen,
            clock=self._clock,
            bus=self.events,
            open_store=self.open_store,
            apply_topology=lambda connection: provision(connection, topology, apply=chosen.apply_topology),
            code_version=self._version,
            redact=self._redact,
            tracing=self.tracing or default_tracing(),
            meter=self._metrics,
            claim_check=self._claim_check,
        )

    @contextmanager
    def rebound(
        self,
        *,
        broker: BrokerSettings,
        clock: Clock,
        open_store: Callable[[], Store] | None,
        consumers: Iterable[ConsumerSpec],
        core: type[PublishingCore] = PublishingCore,
    ) -> Iterator[None]:
        """Use others of all that while the block runs, as tests do. Publishers and workers made before keep theirs.

        `open_store` may be None: the store is the application's own.
        """
        self.close()
        kept = self._broker, self._clock, self._store_opener, self._specs, self._core_type
        self._broker, self._clock, self._store_opener, self._core_type = broker, clock, open_store, core
        self._specs = {spec.name: spec for spec in consumers}
        try:
            yield
        finally:
            self.close()
            self._broker, self._clock, self._store_opener, self._specs, self._core_type = kept

    def run(self, settings: WorkerSettings | None = None) -> ExitCode:
        """Consume in this process until SIGTERM or SIGINT. `warren run MODULE:APP` adds supervision to it."""
        return self.worker(settings).run()


def _idempotency(idempotent: bool | Callable[[Any], object], window: float) -> Idempotency | None:
    if callable(idempotent):
        return Idempotency(idempotent, window)
    if not isinstance(idempotent, bool):
        raise ConfigurationError(
            f"idempotent={idempotent!r}: write True for the message id, or a function of the message, as in "
            f"idempotent=lambda order: order.order_id"
        )
    return Idempotency(None, window) if idempotent else None
