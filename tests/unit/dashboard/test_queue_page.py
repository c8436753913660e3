"""What the page of a queue says in each of its states, as HTML.

Not here: the browser (tests/acceptance/test_dashboard_queue.py), the charts (test_charts.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

from warren import Exchange, Message, Retry, Warren
from warren.config import BrokerSettings
from warren.dashboard.board import Board
from warren.dashboard.pages.queue import MOST_CONSUMERS, QueuePage
from warren.dashboard.reads import Answer
from warren.dashboard.route import as_declared
from warren.dashboard.shell import Frame
from warren.dashboard.watch import Snapshot
from warren.management.consumers import QueueConsumer
from warren.management.setup import QueuePlace
from warren.signals.findings import Finding, FindingId, Severity
from warren.signals.report import Report
from warren.signals.results import Lag, QueueSignals
from warren.signals.samples import BrokerSample, QueueSample
from warren.topology.actual import Actual, ActualQueue

QUEUE, DEAD = "billing.invoices", "billing.invoices.dead"
HOSTILE = "<script>alert(1)</script>"
AWAITED: Answer[Any] = Answer()
REFUSED: Answer[Any] = Answer(number=1, problem="the management API refused user 'ada'", is_refused=True)
AWAY: Answer[Any] = Answer(number=1, problem="the management API cannot be reached")


class OrderCreated(Message, exchange=Exchange("orders", "topic"), routing_key="orders.created", version=1):
    order_id: int


def billing() -> Warren:
    app = Warren("billing", broker="amqp://localhost")

    @app.consumer(QUEUE, OrderCreated, retry=Retry("1s", "10s"))
    def handle(order: OrderCreated) -> None:
        """Do nothing."""

    return app


@dataclass
class Reads:
    """Answers as they are given to it."""

    told: Answer[Actual] = AWAITED
    place: Answer[QueuePlace] = AWAITED
    names: dict[str, str] = field(default_factory=dict)

    def topology(self) -> Answer[Actual]:
        return self.told

    def connection_names(self) -> Answer[dict[str, str]]:
        return Answer(number=1, value=self.names)

    def look(self, *_: object, **__: object) -> Answer[QueuePlace]:
        return self.place


def signals(**known: Any) -> QueueSignals:
    unknown = dict.fromkeys(
        [name for name in QueueSignals.__dataclass_fields__ if name not in ("queue", "history", "lag", "failures")]
    )
    told = {"queue": QUEUE, "ready": 3, "depth": 5, "history": (), "lag": Lag(confidence="unknown"), **known}
    return QueueSignals(**{**unknown, **told})


def finding(queue: str | None = QUEUE, **told: Any) -> Finding:
    values = {
        "id": FindingId.POISON,
        "severity": Severity.CRITICAL,
        "queue": queue,
        "summary": f"it is {HOSTILE}",
        "evidence": ("because",),
        "next_step": "do this",
    }
    return Finding(**{**values, **told})


def seen(*findings: Finding, queues: tuple[str, ...] = (QUEUE, DEAD), **told: Any) -> Snapshot:
    report = Report(
        time=1_700_000_000.0, span=60.0, broker=BrokerSample(), queues=(signals(**told),), findings=findings, unknown=()
    )
    by_queue = {queue: tuple(one for one in findings if one.queue == queue) for queue in (QUEUE, None)}
    samples = {name: QueueSample(name=name, ready=3, unacked=2) for name in queues}
    return Snapshot(number=1, report=report, findings=by_queue, queues=samples, is_full=True)


def page(
    snapshot: Snapshot | None = None, reads: Reads | None = None, *, app: Warren | None = None, name: str = QUEUE
) -> QueuePage:
    watch = SimpleNamespace(snapshot=snapshot or Snapshot())
    board = SimpleNamespace(
        watch=watch, reads=reads or Reads(), app=app, broker=BrokerSettings.parse("amqp://localhost")
    )

    def url(*steps: str, **query: str) -> str:
        return "/" + "/".join(quote(step, safe="") for step in steps) + "".join(f"?{key}={query[key]}" for key in query)

    return QueuePage(cast("Board", board), cast("Frame", SimpleNamespace(url=url)), name)


def consumed(*consumers: QueueConsumer) -> Snapshot:
    return replace(seen(), subscribed=consumers)


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.replace("<wbr>", "")).split())


def known(app: Warren) -> Answer[Actual]:
    return Answer(number=1, value=as_declared(app.topology))


# -- the head ---------------------------------------------------------------------------------


def test_before_the_first_answer_it_waits() -> None:
    assert "Waiting for the broker" in page().head()
    assert page().consumers() == page().settings() == page().route() == ""


def test_a_broker_that_never_answered_is_no_missing_queue() -> None:
    head = page(Snapshot(number=1, problem="it is down")).head()
    assert "Nothing is known of this queue yet" in head
    assert "There is no such queue" not in head


def test_a_queue_that_is_not_there_is_told_as_such_with_its_name_as_text() -> None:
    head = page(seen(), Reads(told=Answer(number=1, value=Actual.of())), name=HOSTILE).head()
    assert "There is no such queue" in head
    assert HOSTILE not in head
    assert HOSTILE.replace("<", "&lt;").replace(">", "&gt;") in head.replace("<wbr>", "")


def test_where_nothing_lists_the_queues_it_is_said_why() -> None:
    assert "cannot be reached" in page(seen(), Reads(told=AWAY), name="other").head()


def test_a_queue_without_findings_says_over_which_time() -> None:
    told = text(page(seen()).head())
    assert "Nothing is wrong As far as the last 60 s show." in told
    assert "Fine" in told
    assert "3 ready, – unacked" in told


def test_it_is_not_said_to_be_fine_while_something_is_not_known() -> None:
    full = seen()
    assert full.report is not None
    for snapshot, why in (
        (replace(full, is_full=False), "Only 60 s have been seen so far."),
        (replace(full, problem="it is down"), "The broker tells nothing newer"),
        (replace(full, report=replace(full.report, unknown=("rates",))), "1 thing could not be seen"),
    ):
        told = text(page(snapshot).head())
        assert why in told
        assert told.count("None found") == 2  # beside the name, and above what is wrong
        assert "Fine" not in told
        assert "Nothing is wrong" not in told


def test_dead_letters_that_wait_are_no_calm_and_lead_to_what_they_died_of() -> None:
    head = page(seen(dead=28, dead_growth=0)).head()
    assert "28 dead letters waiting" in text(head)
    assert f'<a href="/dead-letters/{DEAD}">See what they died of</a>' in head
    assert "Fine" not in text(head)


def test_findings_of_the_queue_and_of_the_broker_are_told_as_text() -> None:
    grows = finding(fingerprint="Boom@app.py:f", command=f"warren inspect {DEAD} --group")
    head = page(seen(grows, finding(None, summary="memory alarm"))).head()
    assert "memory alarm" in head
    assert HOSTILE not in head
    assert "Critical" in head
    box = head[head.index("<article") : head.index("</article>")]
    assert f'href="/dead-letters/{DEAD}?fingerprint=Boom@app.py:f">See what they died of</a>' in box
    assert "warren inspect" in box


def test_measured_lag_is_told_apart_from_an_estimate() -> None:
    measured = text(page(seen(lag=Lag(confidence="measured", p50=1.0, p95=2.0, p99=3.0))).head())
    assert "Consumer lag, p95 2 s p50 1 s, p99 3 s" in measured
    estimated = text(page(seen(lag=Lag(confidence="estimated", wait=float("inf")))).head())
    assert "~ for ever estimated wait of a new message" in estimated


def test_a_dead_letter_queue_leads_to_its_queue_and_its_messages() -> None:
    head = page(seen(), name=DEAD).head()
    assert "The dead-letter queue of" in head
    assert f'href="/queues/{QUEUE}"' in head
    assert f'href="/dead-letters/{DEAD}"' in head


def test_a_queue_that_is_not_watched_says_so() -> None:
    actual = Answer(number=1, value=Actual.of(queues=[ActualQueue(name="other", type="classic")]))
    assert "does not watch this queue" in page(seen(), Reads(told=actual), name="other").head()


# -- the route ----------------------------------------------------------------------------------


def test_the_route_says_whose_account_it_is() -> None:
    app = billing()
    assert "as the broker has it" in page(seen(), Reads(told=known(app)), app=app).route()
    assert "as the application declares it" in page(seen(), Reads(told=AWAY), app=app).route()


def test_the_route_is_told_as_a_table_with_depths() -> None:
    app = billing()
    told = text(page(seen(), Reads(told=known(app)), app=app).route())
    assert f"orders topic exchange orders.created {QUEUE} quorum queue, 5 there now" in told
    assert f"{QUEUE}.retry.10s retry tier after 10 s {QUEUE}" in told


def test_without_any_account_of_the_route_it_is_said_why() -> None:
    assert "Reading the topology" in page(seen()).route()
    assert "does not let this dashboard see the topology" in page(seen(), Reads(told=REFUSED)).route()
    assert "The topology is not known" in page(seen(), Reads(told=AWAY)).route()


def test_a_binding_that_is_missing_on_the_broker_is_told_in_words() -> None:
    app = billing()
    declared = as_declared(app.topology)
    without = Answer(number=1, value=Actual(declared.exchanges, declared.queues, ()))
    assert (
        "the broker does not have it: those messages do not come here"
        in page(seen(), Reads(told=without), app=app).route()
    )


def test_dead_letters_that_lead_nowhere_are_told_in_words() -> None:
    lost = ActualQueue(name=QUEUE, type="quorum", arguments={"x-dead-letter-exchange": "gone"})
    told = page(seen(queues=(QUEUE,)), Reads(told=Answer(number=1, value=Actual.of(queues=[lost])))).route()
    assert "Dead letters are lost: there is no exchange gone." in told


def test_a_queue_whose_dead_letters_nobody_takes_is_told_as_such_but_no_dead_letter_queue_is() -> None:
    both = Actual.of(queues=[ActualQueue(name=QUEUE, type="quorum"), ActualQueue(name=DEAD, type="quorum")])
    alone = Actual.of(queues=[ActualQueue(name=QUEUE, type="quorum")])
    nothing = "Nothing takes its dead letters"
    assert nothing in page(seen(), Reads(told=Answer(number=1, value=alone))).route()
    assert nothing not in page(seen(), Reads(told=Answer(number=1, value=both))).route()
    assert nothing not in page(seen(), Reads(told=Answer(number=1, value=both)), name=DEAD).route()


# -- consumers and settings -----------------------------------------------------------------------


def consumer(tag: str, queue: str = QUEUE, **told: Any) -> QueueConsumer:
    return QueueConsumer(queue=queue, tag=tag, **told)


def test_consumers_of_this_queue_are_told_with_their_programs_names() -> None:
    told = consumer("a.1", prefetch=0, needs_acks=True, is_active=False, connection="1 -> 2", user="ada")
    html = page(consumed(told, consumer("b.1", "other")), Reads(names={"1 -> 2": HOSTILE})).consumers()
    assert "a.1" in html
    assert "b.1" not in html
    assert HOSTILE not in html
    assert "ada no limit" in text(html)
    assert "by hand Waits for its turn" in text(html)


def test_of_very_many_consumers_the_rest_is_counted() -> None:
    told = page(consumed(*(consumer(f"c.{number:04}") for number in range(MOST_CONSUMERS + 5)))).consumers()
    assert told.count("<tr data-key") == MOST_CONSUMERS
    assert "And 5 more." in told


def test_no_consumers_is_told_apart_from_not_knowing() -> None:
    assert "Nobody consumes this queue" in page(consumed()).consumers()
    assert "Consumers are not known" in page(seen()).consumers()
    declared = Reads(told=Answer(number=1, value=Actual.of(queues=[ActualQueue(name=QUEUE, type="quorum")])))
    assert "Reading the consumers" in page(reads=declared).consumers()
    assert "Consumers are not known" in page(Snapshot(problem="nobody answers"), declared).consumers()


def test_what_the_application_declares_of_its_consumer_is_told() -> None:
    told = text(page(seen(), app=billing()).consumers())
    assert "Retries after 1 s, 10 s" in told
    assert "Concurrency 8 threads a worker" in told


def test_arguments_policy_and_place_are_told() -> None:
    queue = ActualQueue(
        name=QUEUE,
        type="quorum",
        arguments={"x-dead-letter-exchange": "", "x-max-length": 9},
        policy="ha",
        settings={"message-ttl": 1_000},
    )
    place = QueuePlace(
        name=QUEUE, state="running", leader="rabbit@a", members=("rabbit@a", "rabbit@b"), online=("rabbit@a",)
    )
    reads = Reads(told=Answer(number=1, value=Actual.of(queues=[queue])), place=Answer(number=1, value=place))
    told = text(page(seen(), reads).settings())
    assert "x-dead-letter-exchange (empty) x-max-length 9 Policy ha message-ttl 1000 by policy" in told
    assert "Leader rabbit@a Kept by rabbit@a, rabbit@b Online rabbit@a" in told
