"""Warren in a FastAPI application, in this process: what is stored, published and answered, and in which order.

Not here: real HTTP and the example (tests/acceptance/test_web_*.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response

from tests.support import BrokerUnderTest, wait_until
from tests.support.broker import management_call
from tests.support.plain import PlainPika
from tests.support.telemetry import Telemetry
from warren import AsyncPublisher, ConfigurationError, Exchange, Message, Permanent, Warren
from warren.broker.embedded import EmbeddedBroker
from warren.broker.settings import BrokerConfig
from warren.contracts.headers import WORK_KEPT
from warren.errors import StoreUnavailable
from warren.integrations.fastapi import WarrenAPI
from warren.integrations.fastapi.publishers import PAUSE
from warren.reliability.stores.memory import MemoryStore
from warren.reliability.work import Acceptance, Known, Mark, Proposal, Underway, WorkState

QUEUE = "invoices"
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class SendInvoice(Message, routing_key=QUEUE):
    order_id: int


class InvoiceForAll(SendInvoice, exchange=Exchange("invoices.all", "fanout"), routing_key=QUEUE):
    pass


class Client(httpx.AsyncClient):
    """Asks the application without a network."""

    async def until_ready(self) -> None:
        """Wait for the publisher's connection, which is no part of a request's time then."""
        while (await self.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.02)

    async def accept(self, order_id: int = 1, **headers: str) -> httpx.Response:
        return await self.post("/invoices", params={"order_id": order_id}, headers=headers)

    async def publish(self, order_id: int = 1, **headers: str) -> httpx.Response:
        return await self.post("/published", params={"order_id": order_id}, headers=headers)


@asynccontextmanager
async def client_of(
    app: Warren, *, message: type[SendInvoice] = SendInvoice, scope: str = "", **options: Any
) -> AsyncIterator[Client]:
    messaging = WarrenAPI(app, **{"publish_timeout": 3.0, **options})
    api = FastAPI(lifespan=messaging.lifespan)
    messaging.install(api)

    @api.post("/invoices")
    async def accept(order_id: int, request: Request) -> Response:
        return await messaging.accept(message(order_id=order_id), request, scope=scope)

    @api.post("/published")
    async def publish(
        order_id: int,
        own: str = "",
        publisher: AsyncPublisher = Depends(messaging.publisher),  # noqa: B008 - an annotation would not find it here
    ) -> str:
        options: Any = {"correlation_id": own, "headers": {"traceparent": own}} if own else {}
        return (await publisher.publish(message(order_id=order_id), **options)).message_id

    async with (
        api.router.lifespan_context(api),
        Client(transport=httpx.ASGITransport(app=api), base_url="http://web") as client,
    ):
        yield client


class Store(MemoryStore):
    """Notes what is written, and fails as told."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.fails_at: set[str] = set()

    def _note(self, call: str) -> None:
        self.log.append(call)
        if call in self.fails_at:
            raise StoreUnavailable("no route to s3cr3t")

    def accept(self, proposal: Proposal) -> Acceptance | Underway | Known:
        self._note("accept")
        return super().accept(proposal)

    def withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        self._note("withdraw")
        super().withdraw(acceptance, may_be_sent=may_be_sent)

    def mark_many(self, marks: Any) -> None:
        for mark in marks:
            assert isinstance(mark, Mark)
            self._note(f"mark {mark.status.state}")
        super().mark_many(marks)

    @property
    def works(self) -> int:
        return len(self._work)


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(BrokerConfig(port=0)) as broker:
        with PlainPika(broker.url) as plain:
            plain.declare(QUEUE)
        yield broker


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def app(embedded: EmbeddedBroker, store: Store, monkeypatch: pytest.MonkeyPatch) -> Warren:
    app = Warren("web", broker=embedded.url, store="memory://")
    monkeypatch.setattr(app, "open_store", lambda: store)
    return app


def taken(url: str, count: int) -> list[Any]:
    """Take so many messages off the queue, which holds no more."""
    with PlainPika(url) as plain:
        plain.wait_depth(QUEUE, count)
        return plain.drain(QUEUE)


# -- publishing -----------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_message_takes_along_the_requests_trace_and_id(broker: BrokerUnderTest) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare(QUEUE)
    app = Warren("web", broker=broker.url, store="memory://")
    async with client_of(app) as client:
        request = {"traceparent": TRACEPARENT, "tracestate": "vendor=1", "X-Request-ID": "r-1"}
        assert (await client.publish(**request)).status_code == 200
        assert (await client.accept(**request)).status_code == 202

    for message in taken(broker.url, 2):
        assert message.properties.correlation_id == "r-1"
        assert (message.headers["traceparent"], message.headers["tracestate"]) == (TRACEPARENT, "vendor=1")


@pytest.mark.asyncio
async def test_what_the_endpoint_says_itself_goes_before_the_request(app: Warren, embedded: EmbeddedBroker) -> None:
    async with client_of(app) as client:
        answer = await client.post(
            "/published",
            params={"order_id": 1, "own": "mine"},
            headers={"traceparent": TRACEPARENT, "X-Request-ID": "r-1"},
        )
        assert answer.status_code == 200

    [message] = taken(embedded.url, 1)
    assert (message.properties.correlation_id, message.headers["traceparent"]) == ("mine", "mine")


@pytest.mark.asyncio
async def test_with_opentelemetry_a_message_belongs_to_the_span_of_the_request(
    app: Warren, embedded: EmbeddedBroker
) -> None:
    telemetry = Telemetry()
    app.tracing = telemetry.tracing
    async with client_of(app) as client:
        with telemetry.tracer.start_as_current_span("POST /published") as span:
            await client.publish(traceparent=TRACEPARENT)
        await client.publish(traceparent=TRACEPARENT)

    inside, outside = taken(embedded.url, 2)
    assert inside.headers["traceparent"].split("-")[1] == f"{span.get_span_context().trace_id:032x}"
    assert outside.headers["traceparent"] == TRACEPARENT  # no span there: the request's own


@pytest.mark.asyncio
async def test_publishing_does_not_hold_up_the_event_loop(app: Warren, embedded: EmbeddedBroker) -> None:
    async with client_of(app) as client:
        await client.publish()
        embedded.call(lambda node: node.faults.block())
        waiting = asyncio.create_task(client.publish())
        answer = await client.get("/health/live")

        assert answer.status_code == 200
        assert not waiting.done()
        embedded.call(lambda node: node.faults.unblock())
        assert (await waiting).status_code == 200


# -- errors ----------------------------------------------------------------------------------


def assert_503(answer: httpx.Response, kind: str, *, may_be_stored: bool) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"] == "5"
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["may_have_been_stored"]) == (f"urn:warren:problem:{kind}", may_be_stored)


@pytest.mark.asyncio
async def test_a_blocked_broker_is_503_and_nothing_is_left(
    app: Warren, embedded: EmbeddedBroker, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with client_of(app, publish_timeout=0.4) as client:
        await client.until_ready()
        assert (await client.publish()).status_code == 200
        embedded.call(lambda node: node.faults.block())
        # Brokers tell of an alarm with the first publish in it, which stays unconfirmed.
        assert_503(await client.publish(), "not-confirmed", may_be_stored=True)
        ready = await client.get("/health/ready")

        assert_503(await client.publish(), "broker-not-reached", may_be_stored=False)
        assert_503(await client.accept(), "broker-not-reached", may_be_stored=False)
        embedded.call(lambda node: node.faults.unblock())

    assert (ready.status_code, ready.json()["checks"]["broker"]) == (503, "unavailable")
    assert "not ready: broker: the broker blocks publishers" in caplog.text
    assert store.works == 0
    taken(embedded.url, 2)


@pytest.mark.asyncio
async def test_a_refused_message_is_503_and_its_status_stays_since_another_queue_may_have_it(
    broker: BrokerUnderTest,
) -> None:
    key = {"Idempotency-Key": "k-1"}
    with PlainPika(broker.url) as plain:
        plain.channel.exchange_declare("invoices.all", "fanout")
        for queue, arguments in ((QUEUE, {}), ("full", {"x-max-length": 1, "x-overflow": "reject-publish"})):
            plain.channel.queue_declare(queue, durable=True, arguments=arguments)
            plain.channel.queue_bind(queue, "invoices.all")
        app = Warren("web", broker=broker.url, store="memory://")
        async with client_of(app, message=InvoiceForAll) as client:
            assert (await client.publish()).status_code == 200
            assert_503(await client.publish(), "message-refused", may_be_stored=True)
            refused = await client.accept(**key)
            status = await client.get(refused.json()["status_url"])
            plain.channel.queue_purge("full")
            again = await client.accept(**key)
        ids = [message.properties.message_id for message in plain.drain(QUEUE)]

    assert_503(refused, "message-refused", may_be_stored=True)
    assert status.json()["status"] == "accepted"
    assert (again.status_code, again.json()["id"]) == (202, refused.json()["id"])
    assert ids[-2:] == [again.json()["id"]] * 2  # both times it reached the queue that had room


@pytest.mark.asyncio
async def test_an_unconfirmed_message_is_503_and_its_status_stays(
    app: Warren, embedded: EmbeddedBroker, store: Store
) -> None:
    async with client_of(app, publish_timeout=0.4) as client:
        await client.until_ready()
        embedded.call(lambda node: node.faults.delay_confirms(3_600.0))
        assert_503(await client.publish(), "not-confirmed", may_be_stored=True)
        answer = await client.accept()

        assert_503(answer, "not-confirmed", may_be_stored=True)
        status = await client.get(answer.json()["status_url"])
        assert (status.json()["id"], status.json()["status"]) == (answer.json()["id"], "accepted")
        embedded.call(lambda node: node.faults.delay_confirms(0.0))


@pytest.mark.asyncio
async def test_the_same_request_after_an_unconfirmed_one_is_sent_again_under_the_same_id(
    app: Warren, embedded: EmbeddedBroker
) -> None:
    key = {"Idempotency-Key": "k-1"}
    async with client_of(app, publish_timeout=0.4) as client:
        await client.until_ready()
        embedded.call(lambda node: node.faults.delay_confirms(3_600.0))
        first = await client.accept(**key)
        assert_503(first, "not-confirmed", may_be_stored=True)
        embedded.call(lambda node: node.faults.delay_confirms(0.0))
        embedded.call(lambda node: node.faults.drop_connections())

        async def accepted() -> httpx.Response:
            while (answer := await client.accept(**key)).status_code != 202:
                assert answer.status_code == 503, answer.text
            return answer

        second = await asyncio.wait_for(accepted(), 20.0)
        third = await client.accept(**key)

    assert second.json()["id"] == third.json()["id"] == first.json()["id"]
    with PlainPika(embedded.url) as plain:
        ids = {message.properties.message_id for message in plain.drain(QUEUE)}
    assert ids == {first.json()["id"]}


@pytest.mark.asyncio
async def test_a_message_without_a_queue_is_500_and_nothing_is_left(
    app: Warren, embedded: EmbeddedBroker, store: Store
) -> None:
    with PlainPika(embedded.url) as plain:
        plain.channel.queue_delete(QUEUE)
    async with client_of(app) as client:
        for answer in (await client.publish(), await client.accept()):
            assert (answer.status_code, answer.json()["type"]) == (500, "urn:warren:problem:misconfigured")
            assert "Retry-After" not in answer.headers

    assert store.works == 0


@pytest.mark.asyncio
async def test_a_publisher_whose_login_was_refused_works_once_it_is_allowed(broker: BrokerUnderTest) -> None:
    vhost = f"{broker.vhost}-later"
    port = broker.node.management_port
    app = Warren("web", broker=broker.url.replace(broker.vhost, vhost), store="memory://")
    async with client_of(app) as client:

        async def until_ready(code: int) -> None:
            while (await client.get("/health/ready")).status_code != code:
                await asyncio.sleep(0.02)

        while (await client.publish()).status_code != 500:  # 503 as long as it still tries
            await asyncio.sleep(0.02)
        await until_ready(503)
        management_call(port, "PUT", f"vhosts/{vhost}")
        management_call(port, "PUT", f"permissions/{vhost}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
        await asyncio.wait_for(until_ready(200), 20.0)
    management_call(port, "DELETE", f"vhosts/{vhost}")


@pytest.mark.asyncio
async def test_readiness_tells_of_a_refused_login_in_the_log_once_and_pauses_before_the_next(
    broker: BrokerUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    app = Warren("web", broker=broker.url.replace("guest:guest", "guest:s3cr3t"), store="memory://")
    logins, began = 0, time.monotonic()

    def connect(**options: Any) -> AsyncPublisher:
        nonlocal logins
        logins += 1
        return Warren.async_publisher(app, **options)

    app.async_publisher = connect  # type: ignore[method-assign]
    async with client_of(app) as client:
        while (await client.publish()).status_code != 500:  # 503 as long as it still tries
            await asyncio.sleep(0.02)
        caplog.clear()
        probes = [await client.get("/health/ready") for _ in range(20)]
        requests = [await client.publish() for _ in range(20)]
        told = [record.getMessage() for record in caplog.records if "not ready" in record.getMessage()]

    assert {probe.status_code for probe in probes} == {503}
    assert probes[0].json() == {"status": "unavailable", "checks": {"broker": "unavailable", "store": "ok"}}
    assert {request.status_code for request in requests} <= {500, 503}
    assert logins <= 2 + (time.monotonic() - began) / PAUSE
    assert len(told) == 1
    assert "refused" in told[0].lower()
    assert "s3cr3t" not in caplog.text


# -- accepting: order, store, keys --------------------------------------------------------------


@pytest.mark.asyncio
async def test_the_status_is_stored_before_the_message_is_sent(
    app: Warren, embedded: EmbeddedBroker, store: Store
) -> None:
    app.on()(lambda event: store.log.append(type(event).__name__))
    async with client_of(app) as client:
        answer = await client.accept(**{"Idempotency-Key": "k-1"})

    order = [each for each in store.log if each in ("accept", "Published", "Confirmed", "mark accepted")]
    assert order == ["accept", "Published", "Confirmed", "mark accepted"]
    [message] = taken(embedded.url, 1)
    assert message.properties.message_id == answer.json()["id"]
    assert message.headers[WORK_KEPT] == 7 * 86_400


@pytest.mark.asyncio
async def test_without_the_store_nothing_is_published(app: Warren, embedded: EmbeddedBroker, store: Store) -> None:
    store.fails_at = {"accept"}
    async with client_of(app) as client:
        answer = await client.accept()
        assert_503(answer, "store-not-reached", may_be_stored=False)
        assert "s3cr3t" not in answer.text

    with PlainPika(embedded.url) as plain:
        assert plain.depth(QUEUE) == 0


@pytest.mark.asyncio
async def test_a_store_that_fails_after_the_confirm_takes_no_202_back(
    app: Warren, embedded: EmbeddedBroker, store: Store
) -> None:
    store.fails_at = {"mark accepted"}
    async with client_of(app) as client:
        assert (await client.accept(**{"Idempotency-Key": "k-1"})).status_code == 202
    taken(embedded.url, 1)


@pytest.mark.asyncio
async def test_the_same_request_at_the_same_time_is_409_and_published_once(
    app: Warren, embedded: EmbeddedBroker, store: Store
) -> None:
    async with client_of(app, publish_timeout=10.0) as client:
        embedded.call(lambda node: node.faults.block())
        first = asyncio.create_task(client.accept(**{"Idempotency-Key": "k-1"}))
        while "accept" not in store.log:
            await asyncio.sleep(0.01)
        again = await client.accept(**{"Idempotency-Key": "k-1"})
        assert again.status_code == 409, again.text
        embedded.call(lambda node: node.faults.unblock())

        assert again.headers["Retry-After"] == "1"
        assert (await first).status_code == 202
    taken(embedded.url, 1)


@pytest.mark.asyncio
async def test_a_repeated_request_is_told_how_far_the_work_is(app: Warren, store: Store) -> None:
    async with client_of(app) as client:
        first = await client.accept(**{"Idempotency-Key": "k-1"})
        status = store.status(first.json()["id"])
        assert status is not None
        store._work[status.id] = store._work[status.id].__class__(
            2**52, 1, 0, 2**60, "invoices", "", '{"state": "done", "attempts": 1}'
        )

        again = await client.accept(**{"Idempotency-Key": "k-1"})

    assert (again.status_code, again.json()["status"]) == (202, WorkState.DONE)
    assert again.headers["Location"] == first.headers["Location"]


@pytest.mark.parametrize("header", ["Authorization", "Cookie"])
@pytest.mark.asyncio
async def test_the_same_key_of_another_user_is_another_request(
    app: Warren, embedded: EmbeddedBroker, header: str
) -> None:
    key = {"Idempotency-Key": "2026-11"}
    async with client_of(app) as client:
        ada = await client.accept(**key, **{header: "ada"})
        bob = await client.accept(**key, **{header: "bob"})
        again = await client.accept(**key, **{header: "ada"})

    assert ada.json()["id"] == again.json()["id"] != bob.json()["id"]
    taken(embedded.url, 2)


@pytest.mark.asyncio
async def test_with_a_scope_the_credentials_may_change(app: Warren, embedded: EmbeddedBroker) -> None:
    async with client_of(app, scope="ada") as client:
        for token in ("first", "renewed"):
            assert (await client.accept(**{"Idempotency-Key": "k-1", "Authorization": token})).status_code == 202

    taken(embedded.url, 1)


HOSTS = ["x//evil.example", "evil.example/abc", "h?x", "h#x", "[", "h@evil"]


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.asyncio
async def test_the_host_header_changes_neither_the_status_url_nor_what_a_key_belongs_to(
    app: Warren, embedded: EmbeddedBroker, host: str
) -> None:
    async with client_of(app) as client:
        first = await client.accept(**{"Idempotency-Key": "k-1"})
        again = await client.accept(**{"Idempotency-Key": "k-1", "Host": host})

    assert again.status_code == 202, again.text
    assert again.headers["Location"] == first.headers["Location"] == f"/work/{first.json()['id']}"
    taken(embedded.url, 1)


@pytest.mark.asyncio
async def test_the_status_url_has_the_prefixes_of_mounts_and_proxies(app: Warren) -> None:
    messaging = WarrenAPI(app)
    api, outer = FastAPI(), FastAPI(lifespan=messaging.lifespan)
    messaging.install(api)
    outer.mount("/v1", api)

    @api.post("/")
    async def accept(request: Request) -> Response:
        return await messaging.accept(SendInvoice(order_id=1), request)

    transport = httpx.ASGITransport(app=outer, root_path="/shop")
    async with (
        outer.router.lifespan_context(outer),
        httpx.AsyncClient(transport=transport, base_url="http://w") as client,
    ):
        answer = await client.post("/shop/v1/")
        status = await client.get(answer.json()["status_url"])

    assert answer.json()["status_url"] == f"/shop/v1/work/{answer.json()['id']}"
    assert status.json()["status_url"] == answer.json()["status_url"]


@pytest.mark.asyncio
async def test_statuses_that_would_be_gone_before_the_consumers_memory_are_refused_at_the_start(app: Warren) -> None:
    app.consumer(QUEUE, SendInvoice, idempotent=True, idempotency_window="30d")(lambda invoice: None)

    with pytest.raises(ConfigurationError, match=r"invoices.*2592000 s.*kept=\"2592000s\""):
        async with client_of(app):
            pass
    async with client_of(app, kept="30d") as client:
        assert (await client.accept()).status_code == 202


@pytest.mark.asyncio
async def test_a_consumer_declared_after_the_start_is_held_against_the_statuses_too(app: Warren, store: Store) -> None:
    async with client_of(app) as client:
        app.consumer(QUEUE, SendInvoice, idempotent=True, idempotency_window="30d")(lambda invoice: None)
        answer = await client.accept()

    assert (answer.status_code, store.works) == (500, 0)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "größer"])
@pytest.mark.asyncio
async def test_a_senseless_key_is_400(app: Warren, key: str) -> None:
    async with client_of(app) as client:
        answer = await client.post("/invoices", params={"order_id": 1}, headers={"Idempotency-Key": key.encode()})

    assert answer.status_code == 400


@pytest.mark.asyncio
async def test_a_request_that_is_given_up_leaves_no_doubt(app: Warren, embedded: EmbeddedBroker, store: Store) -> None:
    async with client_of(app) as client:
        embedded.call(lambda node: node.faults.block())
        request = asyncio.create_task(client.accept(**{"Idempotency-Key": "k-1"}))
        while not any("Offloading._publish" in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        embedded.call(lambda node: node.faults.unblock())

    assert store.log[-1] == "mark accepted"  # the end of the service waits for it
    taken(embedded.url, 1)


@pytest.mark.asyncio
async def test_headers_of_warrens_own_cannot_be_set(app: Warren) -> None:
    messaging = WarrenAPI(app)
    api = FastAPI(lifespan=messaging.lifespan)
    messaging.install(api)

    @api.post("/")
    async def accept(request: Request) -> Response:
        return await messaging.accept(SendInvoice(order_id=1), request, headers={WORK_KEPT: 1})

    transport = httpx.ASGITransport(app=api)
    async with api.router.lifespan_context(api), httpx.AsyncClient(transport=transport, base_url="http://w") as client:
        assert (await client.post("/")).status_code == 500


@pytest.mark.parametrize("options", [{"publish_timeout": 0}, {"retry_after": 0}, {"kept": "0s"}], ids=str)
def test_senseless_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        WarrenAPI(Warren("web"), **options)


# -- the consumers in the same process ------------------------------------------------------------


def working(url: str) -> Warren:
    app = Warren("web", broker=url, store="memory://")

    @app.consumer(QUEUE, SendInvoice)
    def send(invoice: SendInvoice) -> None:
        if invoice.order_id < 0:
            raise Permanent("no such order")

    return app


@pytest.mark.asyncio
async def test_consumers_may_run_in_the_same_process(broker: BrokerUnderTest) -> None:
    async with client_of(working(broker.url), run_worker=True) as client:

        async def told(location: str, *states: str) -> dict[str, Any]:
            while (body := (await client.get(location)).json())["status"] not in states:
                await asyncio.sleep(0.02)
            return dict(body)

        while (await client.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.05)
        good, bad = await client.accept(1), await client.accept(-1)
        done = await asyncio.wait_for(told(good.headers["Location"], "done", "failed"), 20.0)
        failed = await asyncio.wait_for(told(bad.headers["Location"], "done", "failed"), 20.0)

    assert (done["status"], done["error"]) == ("done", None)
    assert failed["error"] == {"reason": "permanent", "type": "warren.errors.Permanent"}


@pytest.mark.asyncio
async def test_consumers_that_ended_make_the_process_neither_live_nor_ready(
    embedded: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    with PlainPika(embedded.url) as plain:
        plain.channel.queue_delete(QUEUE)
        plain.channel.queue_declare(QUEUE, durable=False, exclusive=False, auto_delete=True)  # not as declared
        async with client_of(working(embedded.url), run_worker=True) as client:
            while (await client.get("/health/live")).status_code == 200:
                await asyncio.sleep(0.02)
            ready = await client.get("/health/ready")

    assert (ready.status_code, ready.json()["checks"]["consumers"]) == (503, "unavailable")
    assert "not live: consumers: the consumers have ended" in caplog.text


@pytest.mark.asyncio
async def test_a_lifespan_can_be_entered_from_ones_own_and_again(embedded: EmbeddedBroker) -> None:
    messaging = WarrenAPI(Warren("web", broker=embedded.url, store="memory://"))
    told: list[str] = []

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        async with messaging.lifespan(api):
            told.append("in")
            yield
        told.append("out")

    api = FastAPI(lifespan=lifespan)
    messaging.install(api)
    for _ in range(2):
        transport = httpx.ASGITransport(app=api)
        async with (
            api.router.lifespan_context(api),
            httpx.AsyncClient(transport=transport, base_url="http://w") as client,
        ):
            while (await client.get("/health/ready")).status_code != 200:
                await asyncio.sleep(0.02)
    assert told == ["in", "out"] * 2


def test_work_is_not_offloaded_where_its_status_has_no_place(embedded: EmbeddedBroker) -> None:
    messaging = WarrenAPI(Warren("web", broker=embedded.url, store="memory://"))
    api = FastAPI()
    messaging.install(api, work=None, health=None)

    @api.post("/")
    async def accept(request: Request) -> Response:
        return await messaging.accept(SendInvoice(order_id=1), request)

    async def ask() -> tuple[int, int]:
        transport = httpx.ASGITransport(app=api)
        async with httpx.AsyncClient(transport=transport, base_url="http://w") as client:
            return (await client.post("/")).status_code, (await client.get("/health/live")).status_code

    assert asyncio.run(ask()) == (500, 404)


def test_threads_end_with_the_service(app: Warren) -> None:
    import threading

    before = set(threading.enumerate())

    async def serve() -> None:
        async with client_of(app) as client:
            assert (await client.accept()).status_code == 202

    asyncio.run(serve())
    of_warren: Callable[[], list[str]] = lambda: [  # noqa: E731
        thread.name for thread in set(threading.enumerate()) - before if not thread.name.startswith("asyncio")
    ]
    wait_until(lambda: not of_warren(), message=lambda: str(of_warren()))
