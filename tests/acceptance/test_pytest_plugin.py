"""The pytest plugin, used as a project's tests use it: these tests run pytest.

Not here: its parts that need no broker (tests/unit/pytest_plugin).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from textwrap import dedent

import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.cli import url_with_management
from tests.support.markdown import ROOT

pytest_plugins = "pytester"

BILLING = '''
"""A service as it is deployed: nothing in it is for tests."""

from warren import Delivery, Exchange, Message, Permanent, Retry, Transient, Warren

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int


class InvoiceSent(Message, exchange=orders, routing_key="invoices.sent", version=1):
    order_id: int


app = Warren("billing", broker="amqp://nobody:nothing@production.invalid/%2F")
app.publishes(InvoiceSent)


@app.consumer("billing.invoices", OrderCreated, retry=Retry("1m", "3m", "6m"), idempotent=True)
def send_invoice(order: OrderCreated, delivery: Delivery) -> None:
    if order.order_id < 0:
        raise Permanent("there is no such order")
    if order.order_id == 13:
        raise Transient("the mail server does not answer")
    app.publish(InvoiceSent(order_id=order.order_id))
'''

LADDER = """
from billing import OrderCreated, app


def test_three_retries_over_ten_minutes(warren_test):
    with warren_test.running(app) as run:
        app.publish(OrderCreated(order_id=13))
        run.advance("10m")

        assert [failure.delivery.attempt for failure in run.errors("billing.invoices")] == [1, 2, 3, 4]
        [dead] = run.dead_letters("billing.invoices")
        assert dead.message == OrderCreated(order_id=13)
        assert (dead.reason, dead.attempts, dead.error) == ("exhausted", 4, "the mail server does not answer")
        assert dead.headers["x-warren-delay"] > 0
"""

Project = Callable[..., pytest.RunResult]


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """Write the service and one file of tests, and run them: `project(text, *options)`."""

    def run(text: str, *options: str, service: str = BILLING) -> pytest.RunResult:
        pytester.makepyfile(billing=service)
        pytester.makepyfile(test_billing=dedent(text))
        pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest", *options)

    return run


EVERYTHING = """
import pytest
from billing import InvoiceSent, OrderCreated, app


def test_what_a_handler_publishes(warren_test):
    with warren_test.running(app) as run:
        receipt = app.publish(OrderCreated(order_id=1), correlation_id="abc", headers={"tenant": "t1"})
        run.wait_idle()
        [sent] = run.published(InvoiceSent)
        assert sent.message == InvoiceSent(order_id=1)
        assert (sent.exchange, sent.routing_key) == ("orders", "invoices.sent")
        [order] = run.published(OrderCreated)
        assert order.message_id == receipt.message_id
        assert (order.correlation_id, order.headers["tenant"]) == ("abc", "t1")
        [handled] = run.handled("billing.invoices")
        assert (handled.message, handled.attempt) == (OrderCreated(order_id=1), 1)


def test_why_a_message_is_dead(warren_test):
    with warren_test.running(app) as run:
        app.publish(OrderCreated(order_id=-1))
        run.wait_until(lambda: run.dead_letters("billing.invoices"))
        [dead] = run.dead_letters()
        assert (dead.reason, dead.attempts) == ("permanent", 1)
        assert dead.error_type == "warren.errors.Permanent"
        assert "send_invoice" in dead.stack
        [failure] = run.errors()
        assert failure.message == OrderCreated(order_id=-1)
        assert str(failure.error) == "there is no such order"


def test_what_a_plain_producer_gets_wrong(warren_test):
    with warren_test.running(app) as run:
        run.send("billing.invoices", {"order_id": 5})
        run.send("billing.invoices", {"order_id": "five"}, message_id="wrong")
        run.send("billing.invoices", b"{", type="orders.created")
        run.wait_idle()
        assert [one.message for one in run.handled()] == [OrderCreated(order_id=5)]
        assert {(dead.reason, dead.message) for dead in run.dead_letters()} == {("contract", None)}
        assert {dead.body for dead in run.dead_letters()} == {b'{"order_id": "five"}', b"{"}


def test_a_duplicate(warren_test):
    with warren_test.running(app) as run:
        for _ in range(2):
            app.publish(OrderCreated(order_id=1), message_id="the same")
        run.wait_idle()
        assert len(run.handled("billing.invoices")) == 1


def test_a_lost_connection(warren_test):
    with warren_test.running(app) as run:
        run.faults.drop_connection()
        app.publish(OrderCreated(order_id=1))
        run.wait_idle()
        assert len(run.handled()) == 1


def test_nothing_is_left_of_the_test_before(warren_test):
    with warren_test.running(app) as run:
        assert run.published() == run.handled() == run.errors() == run.dead_letters() == []
        assert sum(depth.ready for depth in run.queues().values()) == 0


def test_a_run_without_consumers(warren_test):
    with warren_test.running(app, consume=False) as run:
        app.publish(OrderCreated(order_id=1))
        run.wait_until(lambda: run.queues()["billing.invoices"].ready == 1)
        run.advance("1s")


def test_a_fault_that_rabbitmq_cannot_be_asked_for(warren_test):
    with warren_test.running(app) as run:
        run.faults.nack(0)


def test_a_queue_that_is_not_the_applications(warren_test):
    with warren_test.running(app) as run, pytest.raises(ValueError, match="its queues are billing.invoices"):
        run.handled("billing.invoice")


def test_the_application_is_as_before():
    assert "production.invalid" in repr(app)
"""
NUMBER = EVERYTHING.count("\ndef test_") + 1
ON_BOTH = """
import pytest


@pytest.fixture(scope="session", params=[None, "{url}"], ids=["embedded", "rabbitmq"])
def warren_broker(request):
    return request.param
"""


def test_the_same_tests_pass_in_virtual_time_and_on_rabbitmq_with_short_delays(
    project: Project, pytester: pytest.Pytester, broker: BrokerUnderTest
) -> None:
    pytester.makeconftest(ON_BOTH.format(url=url_with_management(broker)))
    result = project(LADDER + EVERYTHING, "-rs")
    result.assert_outcomes(passed=2 * NUMBER - 1 - 1, skipped=1)  # the last needs no broker
    result.stdout.fnmatch_lines(["*faults.nack(0) needs the embedded broker*"])
    assert [one["name"] for one in broker.api("GET", "vhosts") if one["name"].startswith("warren-test-")] == []


def test_workers_of_xdist_have_a_broker_each(project: Project) -> None:
    project(LADDER + EVERYTHING, "-n", "2").assert_outcomes(passed=NUMBER)


VIRTUAL = """
import pytest
from billing import OrderCreated, app
from sqlalchemy import Connection, text
from warren import Delivery, Message, Permanent, Warren
from warren import Blocked, Indeterminate, Nacked


def test_time_stands_still_until_it_is_moved(warren_test):
    with warren_test.running(app) as run:
        app.publish(OrderCreated(order_id=13))
        run.advance("59999ms")
        assert len(run.errors()) == 1
        assert run.queues()["billing.invoices.retry.1m"].ready == 1
        run.advance("1ms")
        assert len(run.errors()) == 2
        run.advance("9m")
        assert len(run.dead_letters()) == 1


def test_retries_that_are_due_while_the_connection_is_lost(warren_test):
    with warren_test.running(app) as run:
        app.publish(OrderCreated(order_id=13))
        run.wait_idle()
        run.faults.drop_connection()
        run.advance("10m")
        assert [failure.delivery.attempt for failure in run.errors()] == [1, 2, 3, 4]
        assert len(run.dead_letters()) == 1


def test_a_message_that_expires(warren_test):
    with warren_test.running(app, consume=False) as run:
        app.publish(OrderCreated(order_id=1), ttl=30.0)
        run.advance("29s")
        assert run.queues()["billing.invoices"].ready == 1
        run.advance("1s")
        assert run.queues()["billing.invoices"].ready == 0


def test_refused_publishes(warren_test):
    with warren_test.running(app) as run:
        run.faults.nack()
        with pytest.raises(Nacked):
            app.publish(OrderCreated(order_id=1))
        app.publish(OrderCreated(order_id=2))
        run.wait_idle()
        assert [one.message.order_id for one in run.handled()] == [2]


def test_a_lost_confirm_sends_the_message_twice(warren_test):
    with warren_test.running(app) as run:
        run.faults.lose_confirm()
        app.publish(OrderCreated(order_id=1))
        run.wait_idle()
        assert len(run.handled()) == 1


def test_blocked_publishers(warren_test):
    with warren_test.running(app) as run:
        app.connect()
        run.faults.block()
        with pytest.raises((Indeterminate, Blocked)):
            app.publish(OrderCreated(order_id=1), timeout=1.0)
        with pytest.raises(Blocked):
            app.publish(OrderCreated(order_id=2), timeout=1.0)
        run.faults.unblock()
        app.publish(OrderCreated(order_id=3))


def test_the_inbox_and_a_store_by_url(warren_test, tmp_path):
    ledger = Warren("ledger")

    @ledger.consumer("ledger", OrderCreated)
    def enter(order: OrderCreated, connection: Connection, delivery: Delivery) -> None:
        connection.execute(text("CREATE TABLE IF NOT EXISTS entries (id)"))
        connection.execute(text("INSERT INTO entries VALUES (:id)"), {"id": order.order_id})
        if delivery.attempt == 1:
            raise ValueError("once more")

    with warren_test.running(ledger, store=f"sqlite:///{tmp_path / 'ledger.db'}") as run:
        run.send("ledger", {"order_id": 7})
        run.advance("1s")
        [handled] = run.handled("ledger")
        assert handled.attempt == 2


def test_the_applications_own_store(warren_test, tmp_path):
    own = Warren("own", store=f"sqlite:///{tmp_path / 'own.db'}")
    own.consumer("own", OrderCreated, idempotent=True)(lambda order: None)
    with warren_test.running(own, store=None) as run:
        run.send("own", {"order_id": 7})
        run.wait_idle()
        assert len(run.handled()) == 1
    assert (tmp_path / "own.db").exists()


def test_large_bodies(warren_test, tmp_path):
    class Scan(Message, routing_key="scans", version=1):
        pages: str

    scans = Warren("scans", claim_check=f"file://{tmp_path}?above=2KB")

    @scans.consumer("scans", Scan)
    def read(scan: Scan) -> None:
        raise Permanent("not readable")

    with warren_test.running(scans) as run:
        scans.publish(Scan(pages="x" * 5_000))
        run.wait_idle()
        [dead] = run.dead_letters("scans")
        assert dead.message == Scan(pages="x" * 5_000)


def test_faults_end_with_their_run(warren_test):
    with warren_test.running(app) as run:
        app.publish(OrderCreated(order_id=1))
        run.faults.nack(5)
        run.faults.block()
    with warren_test.running(app):
        app.publish(OrderCreated(order_id=1))
"""


ASYNC = """
import asyncio
import httpx
import pytest
import service
from billing import InvoiceSent, OrderCreated, app


@pytest.fixture
def anyio_backend():
    return "asyncio"


async def play(warren_test):
    async with warren_test.running(app) as run, app.async_publisher() as publisher:
        await publisher.publish(OrderCreated(order_id=1))
        assert (await run.wait_until(lambda: run.published(InvoiceSent)))[0].message == InvoiceSent(order_id=1)

        async def is_handled():
            await asyncio.sleep(0)
            return run.handled("billing.invoices")

        await run.wait_until(is_handled)
        await run.send("billing.invoices", {"order_id": 13})
        await run.advance("10m")
        await run.wait_idle()
        [dead] = run.dead_letters()
        assert dead.attempts == 4 and len(run.errors()) == 4 and not run.faults.drop_connection()
        assert "billing.invoices" in run.queues() and "dead letters" in run.report() and "Run after" in repr(run)


@pytest.mark.asyncio
async def test_with_pytest_asyncio(warren_test):
    await play(warren_test)


@pytest.mark.anyio
async def test_with_anyio(warren_test):
    await play(warren_test)


@pytest.mark.asyncio
async def test_a_web_service_and_its_worker(warren_test, tmp_path, monkeypatch):
    monkeypatch.setattr(service, "INVOICES", tmp_path)
    transport = httpx.ASGITransport(service.api)
    async with (
        warren_test.running(service.app) as run,
        service.api.router.lifespan_context(service.api),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        accepted = await client.post("/orders/4821/invoice", params={"email": "a@example.org"})
        assert accepted.status_code == 202
        await run.wait_idle()
        assert (await client.get(accepted.headers["Location"])).json()["status"] == "done"
        assert [one.message.order_id for one in run.published(service.SendInvoice)] == [4821]


"""


def test_time_is_moved_and_faults_are_made_from_functions_and_from_coroutines_of_both_plugins(
    project: Project, pytester: pytest.Pytester
) -> None:
    shutil.copy(ROOT / "examples" / "web" / "service.py", pytester.path)
    project(VIRTUAL + ASYNC).assert_outcomes(passed=VIRTUAL.count("\ndef test_") + ASYNC.count("\nasync def test_"))


FAILING = """
import pytest
import stuck
from billing import OrderCreated, app


def test_wait(warren_test):
    with warren_test.running(app) as run:
        app.publish(OrderCreated(order_id=13))
        app.publish(OrderCreated(order_id=-1), message_id="the-bad-one")
        run.wait_idle()
        run.wait_until(lambda: len(run.handled("billing.invoices")) == 2, timeout=0.05)


def test_assert(warren_test):
    with warren_test.running(app) as run:
        run.send("billing.invoices", b"[]")
        run.wait_idle()
        assert run.handled("billing.invoices")


def test_passed_before(warren_test):
    with warren_test.running(app):
        pass
    assert False


def test_a_handler_that_does_not_end(warren_test):
    try:
        with warren_test.running(stuck.app) as run:
            stuck.app.publish(stuck.OrderCreated(order_id=7))
            run.advance("1m", timeout=0.1)
    finally:
        stuck.may_end.set()


@pytest.mark.asyncio
async def test_that_fails(warren_test):
    async with warren_test.running(app) as run:
        await run.wait_until(lambda: run.handled(), timeout=0.05)
"""


STUCK_SERVICE = """
import threading
from warren import Message, Warren

may_end = threading.Event()


class OrderCreated(Message, routing_key="billing.invoices", version=1):
    order_id: int


app = Warren("billing")


@app.consumer("billing.invoices", OrderCreated)
def send_invoice(order: OrderCreated) -> None:
    may_end.wait(10.0)
"""


@pytest.fixture
def failed(project: Project, pytester: pytest.Pytester) -> dict[str, list[str]]:
    """What pytest shows of each test that fails, by its name."""
    pytester.makepyfile(stuck=STUCK_SERVICE)
    result = project(FAILING)
    result.assert_outcomes(failed=FAILING.count("def test_"))
    shown = re.split(r"^_+ (test_\w+) _+$", result.stdout.str(), flags=re.MULTILINE)
    return dict(zip(shown[1::2], (text.splitlines() for text in shown[2::2]), strict=True))


def test_a_failed_test_tells_how_the_run_was(failed: dict[str, list[str]]) -> None:
    matcher = pytest.LineMatcher(failed["test_wait"])
    matcher.fnmatch_lines(
        [
            '>*run.wait_until(lambda: len(run.handled("billing.invoices")) == 2, timeout=0.05)',
            "E*AssertionError: not within 0.05 s: *",
            "E*queues after 0s:",
            "E*billing.invoices * 0 ready, 0 unacked, 1 consumers",
            "E*billing.invoices.retry.1m * 1 ready, 0 unacked, 0 consumers",
            "E*dead letters:",
            "E*billing.invoices: orders.created the-bad-one: permanent after 1 attempt, *Permanent: there is*",
            "E*handler errors:",
            "E*billing.invoices, attempt 1 of OrderCreated(order_id=*",
            "E*last events:",
            "E*DeadLettered(*",
            "E*the last handler error:",
            "E*billing.py*, in send_invoice",
        ]
    )
    matcher.no_fnmatch_line("*recorder.py*")

    assert sum("queues after" in line for line in failed["test_assert"]) == 1
    pytest.LineMatcher(failed["test_assert"]).fnmatch_lines(
        ["*- warren -*", "queues after 0s:", "dead letters:", "*contract after 1 attempt*InvalidPayload*"]
    )

    pytest.LineMatcher(failed["test_a_handler_that_does_not_end"]).fnmatch_lines(
        [
            "E*AssertionError: the consumers are still busy after 0.1 s",
            "E*billing.invoices * 1 unacked, 1 consumers",
            "E*handlers running now:",
            "E*billing.invoices: OrderCreated(order_id=7), for 0.* s",
        ]
    )
    pytest.LineMatcher(failed["test_that_fails"]).fnmatch_lines(
        ["E*AssertionError: not within 0.05 s: *run.handled()*", "E*queues after 0s:*"]
    )

    for name in ("test_wait", "test_a_handler_that_does_not_end", "test_that_fails"):  # said once
        # Not in the summary, which has it once more where CI is set.
        assert sum(line.startswith("E") and "queues after" in line for line in failed[name]) == 1
    assert not any("queues after" in line for line in failed["test_passed_before"])


def test_a_time_scale_that_is_none_is_told(project: Project) -> None:
    result = project(LADDER, "--warren-broker=amqp://localhost", "--warren-time-scale=quick")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["E*the time scale is 'quick'; give a number above 0, and at most 1"])


def test_collecting_tests_imports_nothing_of_the_broker() -> None:
    code = (
        "import sys, pytest\n"
        "pytest.main(['--collect-only', '-q', '-p', 'no:cacheprovider', '-c', '/dev/null', '/dev/null'])\n"
        "print([name for name in sys.modules if name.startswith('warren.') and 'pytest_plugin' not in name])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "['warren.integrations']"
