"""`warren doctor` on real brokers: a healthy application has no findings, and each fault is named.

Not here: checks that no broker can be brought to provoke (tests/unit/doctor), and the command (tests/acceptance).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import url_with_management
from tests.support.plain import PlainPika
from tests.support.waiting import wait_until
from warren import Exchange, Message, Queue, Retry, Warren
from warren.config import BrokerSettings
from warren.doctor.application import subject_of
from warren.doctor.collect import Subject, collect
from warren.doctor.examine import examine
from warren.doctor.findings import Finding, FindingId, Severity

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


def shop(url: str, queue: Queue | str = "shop.invoices", *, store: str = "memory://", **options: Any) -> Warren:
    """Return an application with one consumer that publishes what it consumes."""
    app = Warren("shop", broker=url, store=store)
    app.publishes(OrderCreated)

    @app.consumer(queue, OrderCreated, **{"retry": Retry("1s", "10s"), "time_limit": 60, **options})
    def invoice(order: OrderCreated) -> None: ...

    return app


def findings(subject: Warren | Subject) -> tuple[Finding, ...]:
    return examine(collect(subject_of(subject) if isinstance(subject, Warren) else subject))


def of(found: tuple[Finding, ...], kind: FindingId) -> dict[str, Finding]:
    return {one.subject: one for one in found if one.id is kind}


def wait_for(app: Warren, kind: FindingId) -> dict[str, Finding]:
    """Examine until something is found: policies and statistics take effect a little later."""
    return wait_until(lambda: of(findings(app), kind), message=lambda: f"{kind}; found are {findings(app)}")


@pytest.fixture
def url(broker: BrokerUnderTest) -> str:
    return url_with_management(broker)


@pytest.fixture
def app(url: str) -> Iterator[Warren]:
    """An application whose topology is on the broker."""
    app = shop(url)
    with app:
        app.apply_topology()
        yield app


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def set_policy(
    broker: BrokerUnderTest, pattern: str, definition: dict[str, Any], *, kind: str = "policies", name: str = "guilty"
) -> None:
    body = {"pattern": pattern, "definition": definition, "apply-to": "queues"}
    broker.api("PUT", f"{kind}/{{vhost}}/{name}", body)


# -- nothing is wrong ---------------------------------------------------------------------------


def test_a_healthy_application_has_neither_warnings_nor_worse(app: Warren) -> None:
    found = findings(app)
    assert [one for one in found if one.severity is not Severity.INFO] == []
    assert of(found, FindingId.SINGLE_NODE)
    assert "consumer_timeout" in of(found, FindingId.UNKNOWN)


def test_a_broker_without_an_application_is_looked_at_as_well(broker: BrokerUnderTest, app: Warren, url: str) -> None:
    found = findings(Subject(broker=BrokerSettings.parse(url)))
    assert [one for one in found if one.severity is not Severity.INFO] == []
    set_policy(broker, r"\.dead$", {"message-ttl": 60_000})
    expires = wait_until(
        lambda: of(findings(Subject(broker=BrokerSettings.parse(url))), FindingId.DEAD_LETTER_QUEUE_EXPIRES)
    )
    assert set(expires) == {"shop.invoices.dead"}


def test_an_application_that_never_ran_is_told_in_one_finding(url: str) -> None:
    found = findings(shop(url))
    assert [one for one in found if one.severity is not Severity.INFO] == []
    assert of(found, FindingId.TOPOLOGY_NOT_APPLIED)


def test_nothing_on_the_broker_is_changed(broker: BrokerUnderTest, app: Warren, plain: PlainPika) -> None:
    plain.publish("", "shop.invoices", b"{}")
    plain.wait_depth("shop.invoices", 1)

    def state() -> object:
        kinds = ("queues", "exchanges", "bindings", "policies")
        return [sorted(str(_lasting(one)) for one in broker.api("GET", f"{kind}/{{vhost}}")) for kind in kinds]

    before = state()
    findings(app)
    findings(Subject(broker=app.broker))
    assert state() == before
    assert not plain.take("shop.invoices").redelivered


def _lasting(told: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "type", "arguments", "source", "destination", "routing_key", "definition")
    return {name: told[name] for name in names if name in told}


# -- the topology -------------------------------------------------------------------------------


def test_a_missing_queue_binding_and_exchange_are_named(app: Warren, plain: PlainPika) -> None:
    plain.channel.queue_unbind("shop.invoices", "orders", "orders.created")
    assert set(of(findings(app), FindingId.BINDING_MISSING)) == {"shop.invoices"}
    plain.channel.exchange_delete("orders")
    assert set(of(findings(app), FindingId.EXCHANGE_MISSING)) == {"orders"}
    plain.channel.queue_delete("shop.invoices")
    found = findings(app)
    assert set(of(found, FindingId.QUEUE_MISSING)) == {"shop.invoices"}
    assert not of(found, FindingId.BINDING_MISSING)  # it goes with the queue
    assert set(of(found, FindingId.DEAD_LETTER_TARGET_MISSING)) == {"shop.invoices.retry.1s", "shop.invoices.retry.10s"}


def test_a_queue_of_another_type_is_named(url: str, plain: PlainPika) -> None:
    plain.channel.queue_declare("shop.invoices", durable=True, arguments={"x-queue-type": "classic"})
    found = findings(shop(url))
    assert (
        "a classic queue on the broker, quorum in the code"
        in of(found, FindingId.QUEUE_TYPE_DIFFERS)["shop.invoices"].summary
    )


def test_a_queue_with_another_argument_and_another_exchange_are_named(url: str, plain: PlainPika) -> None:
    plain.declare("shop.invoices.dead", **{"x-max-length": 5})
    plain.channel.exchange_declare("orders", "fanout", durable=True)
    found = findings(shop(url))
    summaries = [one.summary for one in found if one.id is FindingId.QUEUE_DIFFERS]
    assert any(one.startswith("x-max-length differs") for one in summaries)
    assert set(of(found, FindingId.EXCHANGE_DIFFERS)) == {"orders"}
    assert of(found, FindingId.DEAD_LETTER_QUEUE_DROPS)


def test_a_binding_that_the_code_does_not_know_is_only_told(app: Warren, plain: PlainPika) -> None:
    plain.channel.queue_bind("shop.invoices", "orders", "orders.former")
    assert set(of(findings(app), FindingId.BINDING_NOT_IN_CODE)) == {"shop.invoices"}


def test_an_external_queue_that_is_missing_or_loses_is_named(
    broker: BrokerUnderTest, url: str, plain: PlainPika
) -> None:
    external = Queue("shop.external", external=True)
    with shop(url, external, bind=()) as app:
        assert not of(findings(app), FindingId.EXTERNAL_LOSES)
        assert set(of(findings(app), FindingId.EXTERNAL_MISSING)) == {"shop.external"}
        plain.declare("shop.external", **{"x-delivery-limit": 3})
        app.apply_topology()
        found = findings(app)
        assert set(of(found, FindingId.EXTERNAL_LOSES)) == {"shop.external"}
        assert set(of(found, FindingId.DELIVERY_LIMIT_LOSES)) == {"shop.external"}
        assert set(of(found, FindingId.DELIVERY_LIMIT_LOW)) == {"shop.external"}
        plain.channel.queue_delete("shop.external.dead")
        assert set(of(findings(app), FindingId.DEAD_LETTER_TARGET_MISSING)) == {"shop.external"}


# -- dead letters -------------------------------------------------------------------------------


def test_a_missing_dead_letter_queue_is_named_by_the_queue_that_loses(app: Warren, plain: PlainPika) -> None:
    plain.channel.queue_delete("shop.invoices.dead")
    found = of(findings(app), FindingId.DEAD_LETTER_TARGET_MISSING)
    assert set(found) == {"shop.invoices"}
    assert "'shop.invoices.dead' does not exist" in found["shop.invoices"].summary


def test_dead_letters_are_followed_through_exchanges(url: str, plain: PlainPika) -> None:
    broker_only = Subject(broker=BrokerSettings.parse(url))
    plain.declare("lost", **{"x-dead-letter-exchange": "absent"})
    plain.channel.exchange_declare("graves", "direct", durable=True)
    plain.declare("found", **{"x-dead-letter-exchange": "graves", "x-dead-letter-routing-key": "here"})
    assert set(of(findings(broker_only), FindingId.DEAD_LETTER_TARGET_MISSING)) == {"lost"}
    assert set(of(findings(broker_only), FindingId.DEAD_LETTER_UNROUTABLE)) == {"found"}
    plain.declare("graveyard")
    plain.channel.queue_bind("graveyard", "graves", "here")
    assert not of(findings(broker_only), FindingId.DEAD_LETTER_UNROUTABLE)


def test_a_policy_that_makes_dead_letters_expire_is_named_with_what_it_sets(
    broker: BrokerUnderTest, app: Warren
) -> None:
    set_policy(broker, r"\.dead$", {"message-ttl": 60_000, "max-length": 10})
    found = wait_for(app, FindingId.DEAD_LETTER_QUEUE_EXPIRES)["shop.invoices.dead"]
    assert found.evidence == ("message-ttl 60000 ms, set by policy 'guilty'",)
    assert "policy 'guilty'" in found.fix
    assert set(of(findings(app), FindingId.DEAD_LETTER_QUEUE_DROPS)) == {"shop.invoices.dead"}
    assert not of(findings(app), FindingId.POLICY_APPLIES)


def test_a_dead_letter_queue_that_refuses_is_named(broker: BrokerUnderTest, app: Warren) -> None:
    set_policy(broker, r"\.dead$", {"max-length": 10, "overflow": "reject-publish"})
    assert set(wait_for(app, FindingId.DEAD_LETTER_QUEUE_REFUSES)) == {"shop.invoices.dead"}


def test_an_operator_policy_that_limits_deliveries_of_dead_letters_is_named(
    broker: BrokerUnderTest, app: Warren
) -> None:
    set_policy(broker, r"^shop", {"delivery-limit": 3}, kind="operator-policies", name="careful")
    found = wait_for(app, FindingId.DEAD_LETTER_QUEUE_DELIVERY_LIMIT)["shop.invoices.dead"]
    assert found.evidence == ("delivery-limit 3, set by operator policy 'careful'",)
    low = wait_for(app, FindingId.DELIVERY_LIMIT_LOW)
    assert low["shop.invoices"].evidence == ("delivery-limit 3, set by operator policy 'careful'",)


def test_the_default_delivery_limit_of_rabbitmq_4_is_told_and_judged_where_it_loses(
    broker: BrokerUnderTest, url: str, app: Warren, plain: PlainPika
) -> None:
    plain.declare("other")
    plain.declare("other.dead")
    limited = of(findings(Subject(broker=BrokerSettings.parse(url))), FindingId.DEAD_LETTER_QUEUE_DELIVERY_LIMIT)
    default = of(findings(app), FindingId.DELIVERY_LIMIT_DEFAULT)
    if broker.version.startswith("3."):
        assert (set(limited), set(default)) == (set(), set())
    else:
        assert (set(limited), set(default)) == ({"other.dead"}, {"shop.invoices"})


def test_a_policy_that_sets_the_delivery_limit_of_a_consumers_queue_is_told(
    broker: BrokerUnderTest, app: Warren
) -> None:
    set_policy(broker, r"^shop\.invoices$", {"delivery-limit": 50})
    found = wait_for(app, FindingId.DELIVERY_LIMIT_BY_POLICY)["shop.invoices"]
    assert found.evidence[0] == "delivery-limit 50, set by policy 'guilty'"


def test_a_strategy_without_reject_publish_is_named(url: str, plain: PlainPika) -> None:
    plain.declare(
        "q",
        **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "t", "x-dead-letter-strategy": "at-least-once"},
    )
    plain.declare("t")
    found = findings(Subject(broker=BrokerSettings.parse(url)))
    assert set(of(found, FindingId.STRATEGY_WITHOUT_REJECT)) == {"q"}


# -- retry tiers --------------------------------------------------------------------------------


def test_a_missing_retry_tier_is_named(app: Warren, plain: PlainPika) -> None:
    plain.channel.queue_delete("shop.invoices.retry.10s")
    found = findings(app)
    assert set(of(found, FindingId.RETRY_TIER_MISSING)) == {"shop.invoices.retry.10s"}
    assert not of(found, FindingId.QUEUE_MISSING)


def test_a_former_retry_tier_is_told_of_and_warned_of_while_it_holds_messages(
    broker: BrokerUnderTest, url: str, app: Warren, plain: PlainPika
) -> None:
    former = shop(url, retry=Retry("1s"))
    assert set(of(findings(former), FindingId.FORMER_TIER)) == {"shop.invoices.retry.10s"}
    plain.channel.queue_declare("shop.invoices.retry.2h", durable=True, arguments={"x-queue-type": "quorum"})
    plain.publish("", "shop.invoices.retry.2h", b"{}")
    held = wait_for(former, FindingId.FORMER_TIER_HOLDS_MESSAGES)
    assert held["shop.invoices.retry.2h"].evidence == ("1 messages",)


def test_a_policy_that_shortens_a_retry_tier_is_named(broker: BrokerUnderTest, app: Warren) -> None:
    set_policy(broker, r"\.retry\.", {"message-ttl": 5_000})
    assert set(wait_for(app, FindingId.RETRY_TIER_CHANGED)) == {"shop.invoices.retry.10s"}


def test_a_policy_on_a_consumers_queue_is_told_and_its_expiry_warned_of(broker: BrokerUnderTest, app: Warren) -> None:
    set_policy(broker, r"^shop\.invoices$", {"expires": 3_600_000})
    assert set(wait_for(app, FindingId.QUEUE_EXPIRES)) == {"shop.invoices"}
    assert set(of(findings(app), FindingId.POLICY_APPLIES)) == {"shop.invoices"}


# -- times --------------------------------------------------------------------------------------


def test_a_consumer_timeout_of_the_queue_below_the_time_limit_is_named(broker: BrokerUnderTest, app: Warren) -> None:
    """RabbitMQ 3.10 knows the node's setting only."""
    if broker.version.startswith("3."):
        assert not of(findings(app), FindingId.TIME_LIMIT_OVER_CONSUMER_TIMEOUT)
        return
    set_policy(broker, r"^shop\.invoices$", {"consumer-timeout": 30_000})
    found = wait_for(app, FindingId.TIME_LIMIT_OVER_CONSUMER_TIMEOUT)["shop.invoices"]
    assert found.evidence == ("30 s: policy 'guilty'",)
    assert "consumer_timeout" not in of(findings(app), FindingId.UNKNOWN)


# -- who asks -----------------------------------------------------------------------------------


def add_user(broker: BrokerUnderTest, tags: str, *, configure: str, write: str, read: str) -> str:
    """Make a user, and return the broker's URL as theirs; the management API is asked as guest."""
    broker.api("PUT", "users/clerk", {"password": "secret", "tags": tags})
    broker.api("PUT", "permissions/{vhost}/clerk", {"configure": configure, "write": write, "read": read})
    return broker.url.replace("guest:guest", "clerk:secret")


def test_missing_permissions_of_a_restricted_user_are_named(broker: BrokerUnderTest, app: Warren) -> None:
    url = add_user(broker, "", configure="^nothing$", write="^orders$", read=".*")
    found = findings(shop(f"{url}?management={quote(broker.management_url, safe='')}"))
    missing = of(found, FindingId.PERMISSION_MISSING)["clerk"]
    assert missing.evidence[0] == "write on 'amq.default' to retry and to dead-letter"
    to_create = of(found, FindingId.PERMISSION_TO_CREATE_MISSING)["clerk"]
    assert "configure on 'shop.invoices.dead' to create it" in to_create.evidence
    assert "secret" not in str(found)


def test_enough_permissions_are_enough(broker: BrokerUnderTest, app: Warren) -> None:
    own = r"^(shop\..*|orders)$"
    url = add_user(broker, "", configure=own, write=r"^(shop\..*|orders|amq\.default)$", read=own)
    found = findings(shop(f"{url}?management={quote(broker.management_url, safe='')}"))
    assert not of(found, FindingId.PERMISSION_MISSING)
    assert not of(found, FindingId.PERMISSION_TO_CREATE_MISSING)


def test_what_a_user_may_not_see_is_unknown_and_says_what_to_do(broker: BrokerUnderTest, app: Warren) -> None:
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    url = add_user(broker, "management", **everything)
    management = broker.management_url.replace("guest:guest@", "")
    found = findings(shop(f"{url}?management={quote(management, safe='')}"))
    unknown = of(found, FindingId.UNKNOWN)
    assert {"nodes: memory, disk, partitions, versions", "permissions of user 'clerk'"} <= set(unknown)
    assert [one for one in found if one.severity is not Severity.INFO] == []


def test_without_the_management_api_what_is_missing_is_found_over_amqp(
    broker: BrokerUnderTest, app: Warren, plain: PlainPika
) -> None:
    alone = shop(broker.url)  # its port is not the standard one, so nobody knows where the API is
    found = findings(alone)
    assert [one for one in found if one.severity is not Severity.INFO] == []
    assert "rabbitmq_management" in of(found, FindingId.UNKNOWN)["management API"].fix
    for name in ("shop.invoices.dead", "shop.invoices.retry.1s"):
        plain.channel.queue_delete(name)
    plain.channel.exchange_delete("orders")
    found = findings(alone)
    assert set(of(found, FindingId.DEAD_LETTER_TARGET_MISSING)) == {"shop.invoices"}
    assert set(of(found, FindingId.RETRY_TIER_MISSING)) == {"shop.invoices.retry.1s"}
    assert set(of(found, FindingId.EXCHANGE_MISSING)) == {"orders"}
    plain.channel.queue_delete("shop.invoices")
    assert set(of(findings(alone), FindingId.QUEUE_MISSING)) == {"shop.invoices"}


def test_transient_queues_and_deprecated_features_are_named(broker: BrokerUnderTest, url: str) -> None:
    with shop(url, Queue("shop.invoices", type="classic", durable=False)) as app:
        app.apply_topology()
        found = findings(app)
        assert set(of(found, FindingId.QUEUE_TRANSIENT)) == {"shop.invoices"}
        tells = broker.name == "rabbitmq-4.0"
        assert ("transient_nonexcl_queues" in of(found, FindingId.DEPRECATED_FEATURE_USED)) is tells


def test_a_store_that_cannot_be_used_is_named(url: str, tmp_path: Path) -> None:
    idempotent = {"idempotent": True}
    found = findings(shop(url, store="memory://", **idempotent))
    assert of(found, FindingId.STORE_IN_MEMORY)
    found = findings(shop(url, store=f"sqlite:///{tmp_path}/no/such/folder.db", **idempotent))
    assert of(found, FindingId.STORE_REFUSED)
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    found = findings(shop(url, store=f"sqlite:///{tmp_path}/broken.db", **idempotent))
    assert of(found, FindingId.STORE_REFUSED) or of(found, FindingId.STORE_UNAVAILABLE)
    found = findings(shop(url, store=f"sqlite:///{tmp_path}/new.db", **idempotent))
    assert not any(one.subject.startswith("store") for one in found)
    assert not (tmp_path / "new.db").exists()
