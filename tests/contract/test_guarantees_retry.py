"""Rules 13 to 17: classification, retry, dead letters. Named for the rule, run on every broker."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pika
import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.events import Recorder
from tests.support.plain import PlainMessage, PlainPika
from warren import Delivery, Exchange, Message, Permanent, Queue, Retry, Transient, Warren
from warren.observability import events

orders = Exchange("orders", "topic")
QUEUE = "billing.invoices"


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=2):
    order_id: int
    event: str = "created"


class OrderCancelled(Message, exchange=orders, routing_key="orders.cancelled"):
    order_id: int


class CardDeclined(Exception):
    pass


def new_app(broker: BrokerUnderTest) -> Warren:
    return Warren("billing", broker=broker.url, store="memory://", version="1.2.3")


def dead(message: PlainMessage, name: str) -> object:
    return message.headers.get(f"x-warren-dead-{name}")


# -- rule 13 ------------------------------------------------------------------------------


def test_rule_13_permanent_failures_are_dead_lettered_at_once(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    runs: list[int] = []

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        runs.append(order.order_id)
        raise Permanent("customer does not exist")

    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        letter = plain.take(f"{QUEUE}.dead")
        assert runs == [1]
        assert dead(letter, "reason") == "permanent"
        assert dead(letter, "error") == "customer does not exist"
        assert dead(letter, "attempts") == 1


@pytest.mark.parametrize(
    ("body", "properties", "error_type", "text"),
    [
        (b"{not json", {}, "Undecodable", "not JSON"),
        (b'{"order_id": "4821"}', {}, "InvalidPayload", "order_id"),
        (b'{"event": "created"}', {}, "InvalidPayload", "order_id"),
        (b'{"order_id": 1}', {"type": "orders.shipped"}, "UnknownType", "orders.shipped"),
        (
            b'{"order_id": 1}',
            {"type": "orders.created", "headers": {"x-warren-version": 1}},
            "UnknownVersion",
            "version 1",
        ),
        (b'{"order_id": 1}', {"content_type": "application/x-python-serialize"}, "Undecodable", "x-python-serialize"),
    ],
    ids=["invalid JSON", "wrong type", "missing field", "unknown type", "unknown version", "pickle"],
)
def test_rule_13_contract_failures_are_dead_lettered_at_once_with_the_reason(
    broker: BrokerUnderTest, body: bytes, properties: dict[str, object], error_type: str, text: str
) -> None:
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        raise AssertionError("never called")

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish("orders", "orders.created", body, **properties)
        letter = plain.take(f"{QUEUE}.dead")
        assert letter.body == body
        assert dead(letter, "reason") == "contract"
        assert str(dead(letter, "error-type")).endswith(error_type)
        assert text in str(dead(letter, "error"))
        assert not seen.of(events.Retried)


def test_rule_13_a_20_megabyte_body_is_dead_lettered_whole_without_being_parsed(broker: BrokerUnderTest) -> None:
    if broker.version.startswith("4."):
        # RabbitMQ 4 refuses it at the door (max_message_size is 16 MiB): nothing for a consumer to do.
        with PlainPika(broker.url) as plain:
            plain.declare(QUEUE)
            plain.channel.confirm_delivery()
            with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="larger than"):
                plain.publish("", QUEUE, b'"' + b"x" * 20_000_000 + b'"')
        return
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        raise AssertionError("never called")

    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish("orders", "orders.created", b'"' + b"x" * 20_000_000 + b'"')
        letter = plain.take(f"{QUEUE}.dead", timeout=30.0)
        assert len(letter.body) == 20_000_002
        assert dead(letter, "reason") == "contract"
        assert "20,000,002 bytes; the limit is 16,777,216" in str(dead(letter, "error"))


@pytest.mark.parametrize(
    "error", [Transient("busy"), TimeoutError("slow"), ConnectionError("gone"), CardDeclined("listed")], ids=repr
)
def test_rule_13_transient_failures_are_retried_with_delay(broker: BrokerUnderTest, error: Exception) -> None:
    app = new_app(broker)
    attempts: list[int] = []

    @app.consumer(QUEUE, OrderCreated, retry=Retry("200ms"), transient=[CardDeclined])
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        attempts.append(delivery.attempt)
        if delivery.attempt == 1:
            raise error

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        (done,) = seen.wait(events.Processed)
        assert attempts == [1, 2]
        assert seen.of(events.Retried)[0].classification == "transient"
        # The lag is told without the intended delay.
        assert done.lag is not None
        assert done.lag < 5.0


def test_rule_13_unknown_exceptions_are_retried_under_the_same_policy_and_counted_apart(
    broker: BrokerUnderTest,
) -> None:
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms", "200ms"))
    def handle(order: OrderCreated) -> None:
        raise CardDeclined("who knows")

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        letter = plain.take(f"{QUEUE}.dead")
        assert dead(letter, "reason") == "exhausted"
        assert dead(letter, "attempts") == 3
        assert [event.classification for event in seen.of(events.Retried)] == ["unknown", "unknown"]
        assert [event.delay for event in seen.of(events.Retried)] == [0.1, 0.2]


def test_rule_13_unknown_exceptions_may_be_dead_lettered_instead(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated, unknown="dead-letter")
    def handle(order: OrderCreated) -> None:
        raise CardDeclined("who knows")

    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        assert dead(plain.take(f"{QUEUE}.dead"), "reason") == "permanent"


def test_rule_13_a_handler_may_ask_for_a_delay_which_is_rounded_up_to_a_tier(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms", "700ms", "1h"))
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise Retry.after(0.5, "HTTP 429")

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        seen.wait(events.Processed)
        assert [event.delay for event in seen.of(events.Retried)] == [0.7]


# -- rule 14 ------------------------------------------------------------------------------


def test_rule_14_delays_live_in_the_broker_and_survive_the_worker(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    failed = threading.Event()

    @app.consumer(QUEUE, OrderCreated, retry=Retry("8s"))
    def fail(order: OrderCreated) -> None:
        failed.set()
        raise Transient("later")

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        seen.wait(events.Retried)
    with PlainPika(broker.url) as plain:
        # No worker is running, and nothing is unacknowledged: the message is in the tier, then back in its own queue.
        plain.wait_depth(f"{QUEUE}.retry.8s", 1, timeout=7.0)
        plain.wait_depth(QUEUE, 1)
        plain.wait_depth(f"{QUEUE}.retry.8s", 0)
        assert plain.take(QUEUE).headers["x-warren-attempt"] == 2


def test_rule_14_a_retry_reaches_its_own_consumer_only(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    audited: list[int] = []

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms"))
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        if delivery.attempt == 1:
            raise Transient("again")

    @app.consumer("audit.orders", OrderCreated)
    def audit(order: OrderCreated) -> None:
        audited.append(order.order_id)

    seen = Recorder(app)
    with app.worker(), app:
        app.publish(OrderCreated(order_id=1))
        app.publish(OrderCreated(order_id=2))
        seen.wait(events.Processed, 4)
        assert sorted(audited) == [1, 2]


def test_rule_14_tiers_use_at_least_once_dead_lettering_and_no_per_message_ttl(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated, retry=Retry("30s"))
    def handle(order: OrderCreated) -> None:
        raise Transient("later")

    seen = Recorder(app)
    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1), ttl=3600)
        seen.wait(events.Retried)
        tier = broker.api("GET", f"queues/{{vhost}}/{QUEUE}.retry.30s")
        assert tier["arguments"] == {
            "x-queue-type": "quorum",
            "x-message-ttl": 30_000,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": QUEUE,
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
            **{name: value for name, value in tier["arguments"].items() if name == "x-delivery-limit"},
        }
        assert plain.take(f"{QUEUE}.retry.30s").properties.expiration is None


# -- rule 15 ------------------------------------------------------------------------------


def test_rule_15_broker_headers_are_stripped_from_copies_and_our_own_counts_attempts(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    seen_headers: list[dict[str, object]] = []

    @app.consumer(Queue(QUEUE), OrderCreated, retry=Retry("100ms", "200ms", "300ms"))
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        seen_headers.append(dict(delivery.headers))
        raise Transient("again")

    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish(
            "orders",
            "orders.created",
            b'{"order_id": 1}',
            message_id="m-1",
            expiration="60000",
            headers={"BCC": ["nobody"]},
        )
        letter = plain.take(f"{QUEUE}.dead")
    # It came through three tiers, so RabbitMQ had put x-death on it three times; a copy never carries it on.
    assert [headers.get("x-warren-attempt", 1) for headers in seen_headers] == [1, 2, 3, 4]
    assert {"x-death"} <= set(seen_headers[1])
    assert all(len(headers["x-death"]) == 1 for headers in seen_headers[1:])
    for name in letter.headers:
        assert not name.startswith(("x-death", "x-first-death", "x-last-death", "CC", "BCC")), name
    # The dead-letter queue counts anew; RabbitMQ 3.10 says so with a 0.
    assert letter.headers.get("x-delivery-count", 0) == 0
    assert letter.properties.expiration is None
    assert letter.properties.message_id == "m-1"


def test_rule_15_a_missing_message_id_is_derived_once_and_kept_by_retries(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    ids: list[str] = []

    @app.consumer(QUEUE, OrderCreated, retry=Retry("100ms", "200ms"))
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        ids.append(delivery.message_id)
        raise Transient("again")

    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish("orders", "orders.created", b'{"order_id": 1}')
        letter = plain.take(f"{QUEUE}.dead")
    assert len(ids) == 3
    assert {*ids} == {letter.properties.message_id}


# -- rule 16 ------------------------------------------------------------------------------


def test_rule_16_the_dead_letter_queue_is_durable_without_ttl_and_the_broker_uses_it_too(
    broker: BrokerUnderTest,
) -> None:
    app = new_app(broker)

    @app.consumer(Queue(QUEUE, message_ttl="300ms"), OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    app.apply_topology()
    queue = broker.api("GET", f"queues/{{vhost}}/{QUEUE}.dead")
    assert queue["durable"] is True
    assert queue["arguments"]["x-queue-type"] == "quorum"
    assert "x-message-ttl" not in queue["arguments"]
    with PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))  # nobody consumes: it expires
        assert plain.take(f"{QUEUE}.dead").headers["x-death"][0]["reason"] == "expired"


def test_rule_16_a_delivery_limit_lands_in_the_dead_letter_queue(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer(Queue(QUEUE, delivery_limit=2), OrderCreated)
    def handle(order: OrderCreated) -> None: ...

    app.apply_topology()
    with PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        for method, _properties, _body in plain.channel.consume(QUEUE, inactivity_timeout=0.5):
            if method is not None:
                plain.channel.basic_nack(method.delivery_tag, requeue=True)
            elif plain.depth(f"{QUEUE}.dead"):
                break
        plain.channel.cancel()
        assert plain.take(f"{QUEUE}.dead").headers["x-death"][0]["reason"] == "delivery_limit"


# -- rule 17 ------------------------------------------------------------------------------


def test_rule_17_a_dead_letter_says_why(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated, retry=Retry("300ms"), name="invoicing")
    def handle(order: OrderCreated) -> None:
        raise CardDeclined("card 4242 was declined")

    before = datetime.now(UTC).timestamp() * 1000
    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(
            OrderCreated(order_id=1),
            headers={"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        )
        letter = plain.take(f"{QUEUE}.dead")
    assert dead(letter, "reason") == "exhausted"
    assert str(dead(letter, "error-type")).endswith("test_guarantees_retry.CardDeclined")
    assert dead(letter, "error") == "card 4242 was declined"
    assert "raise CardDeclined" in str(dead(letter, "stack"))
    assert str(dead(letter, "fingerprint")).startswith("CardDeclined@contract/test_guarantees_retry.py:")
    first, last = dead(letter, "first-failed-at"), dead(letter, "last-failed-at")
    assert isinstance(first, int)
    assert isinstance(last, int)
    assert before < first <= last - 300
    assert dead(letter, "attempts") == 2
    assert (dead(letter, "exchange"), dead(letter, "routing-key")) == ("orders", "orders.created")
    assert (dead(letter, "queue"), dead(letter, "consumer")) == (QUEUE, "invoicing")
    assert dead(letter, "host")
    assert dead(letter, "code-version") == "1.2.3"
    assert dead(letter, "trace-id") == "0af7651916cd43dd8448eb211c80319c"
    assert letter.body == b'{"order_id":1,"event":"created"}'


def test_rule_17_headers_keep_their_budget_however_large_the_error(broker: BrokerUnderTest) -> None:
    app = new_app(broker)

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        raise Permanent("ä" * 500_000) from ValueError("b" * 500_000)

    with app.worker(), PlainPika(broker.url) as plain:
        plain.publish(
            "orders", "orders.created", b'{"order_id": 1}', headers={"tenant": "acme", "baggage": "x" * 125_000}
        )
        letter = plain.take(f"{QUEUE}.dead")
    assert dead(letter, "reason") == "permanent"
    assert "left out" in str(dead(letter, "error"))
    assert letter.headers["tenant"] == "acme"
    assert dead(letter, "dropped-headers") == ["baggage"]


def test_rule_17_a_redaction_hook_blanks_texts(broker: BrokerUnderTest) -> None:
    app = Warren(
        "billing",
        broker=broker.url,
        redact=lambda texts: {name: text.replace("4242", "****") for name, text in texts.items()},
    )

    @app.consumer(QUEUE, OrderCreated)
    def handle(order: OrderCreated) -> None:
        raise Permanent("card 4242 was declined")

    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        letter = plain.take(f"{QUEUE}.dead")
    assert dead(letter, "error") == "card **** was declined"
    assert "4242 was" not in str(dead(letter, "stack"))


# -- unions and exchanges -------------------------------------------------------------------


def test_a_handler_may_take_a_union_of_messages_from_one_queue(broker: BrokerUnderTest) -> None:
    app = new_app(broker)
    got: list[object] = []

    @app.consumer(QUEUE, OrderCreated | OrderCancelled)
    async def handle(message: OrderCreated | OrderCancelled) -> None:
        got.append(message)

    with app.worker(), PlainPika(broker.url) as plain, app:
        app.publish(OrderCreated(order_id=1))
        app.publish(OrderCancelled(order_id=2))
        plain.publish("orders", "orders.cancelled", b'{"order_id": 3}')
        wait_until(lambda: len(got) == 3)
    assert {type(message).__name__ + str(message.order_id) for message in got} == {
        "OrderCreated1",
        "OrderCancelled2",
        "OrderCancelled3",
    }
