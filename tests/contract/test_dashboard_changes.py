"""Changes from the dashboard, on real brokers: each is written down first, and whatever happens no message is lost.

Not here: the pages (tests/acceptance), the sending itself (test_replay.py), and editing (test_dashboard_edit.py).
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.broker import BrokerUnderTest
from tests.support.cli import url_with_management
from tests.support.gate import Gate
from tests.support.moving import DEAD, FAILURES, QUEUE, declare, fill_dead, numbers
from tests.support.plain import PlainPika
from tests.support.queue_content import bodies, content, content_of, dead_letter, fill, held_in, settings_of
from tests.support.waiting import wait_until
from warren import Delivery, Message, Permanent, Retry, Warren
from warren.dashboard.changes import audit
from warren.dashboard.changes.changes import Changes, Person
from warren.dashboard.changes.choice import Choice, key_of
from warren.dashboard.changes.jobs import Job
from warren.dashboard.changes.records import Outcome, Record, Result
from warren.dashboard.changes.replay import Bounds, Pace
from warren.dashboard.changes.trail import Trail
from warren.dashboard.letters.dead_letters import DeadLetters
from warren.dashboard.letters.masking import Masking
from warren.dashboard.turns import Turns
from warren.errors import ConfigurationError, WarrenError
from warren.operations.halt import Halt
from warren.operations.homecoming import target_of_saved
from warren.operations.lease import Held
from warren.operations.link import open_connection
from warren.operations.replay import Plan, replay_file
from warren.operations.saved import check_saved, saved_messages
from warren.operations.tally import Tally

ANA = Person("ana@office", "the shop is fixed")
ALL = Choice(queue=DEAD)
OF_ONE = Choice(queue=DEAD, fingerprint=FAILURES[0])
SLOWLY = Pace(rate=0.001)  # the second message would go after 1,000 s

Making = Callable[..., Changes]


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(f"{broker.url}?heartbeat=0") as plain:
        declare(plain)
        yield plain


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def made(broker: BrokerUnderTest, turns: Turns, tmp_path: Path) -> Iterator[Making]:
    """A function that makes the changes of a dashboard, stopped at the end."""
    with ExitStack() as ends:

        def make(url: str = url_with_management(broker), *, path: Path = tmp_path / "audit.ndjson") -> Changes:
            letters = DeadLetters(settings_of(url), masking=Masking(), turns=turns, most=10_000, timeout=10.0)
            changes = Changes(
                settings_of(url),
                app=None,
                letters=letters,
                turns=turns,
                audit_log=path,
                most=10_000,
                timeout=10.0,
            )
            ends.callback(changes.stop)
            return changes

        yield make


@pytest.fixture
def changes(made: Making) -> Changes:
    return made()


def ended(job: Job) -> Result:
    wait_until(lambda: job.result is not None, message=lambda: f"{job} ends")
    assert job.result is not None
    return job.result


def records(folder: Path) -> tuple[Record, ...]:
    trail = Trail(folder / "audit.ndjson")
    trail.refresh()
    return trail.records


def everywhere(broker: BrokerUnderTest) -> set[bytes]:
    return {*bodies(content_of(broker.url, QUEUE)), *bodies(content_of(broker.url, DEAD))}


# -- written down --------------------------------------------------------------------------------


def test_who_did_what_to_which_and_why_is_written_with_what_became_of_it(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, tmp_path: Path
) -> None:
    fill_dead(broker, 30)

    job = changes.replay(OF_ONE, Bounds(limit=5), Pace(rate=1_000.0), ANA)

    assert ended(job).outcome is Outcome.DONE
    (record,) = records(tmp_path)
    assert (record.who, record.action, record.queue, record.why) == (ANA.name, "replay", DEAD, ANA.reason)
    assert record.which == {"queue": DEAD, "fingerprint": FAILURES[0]}
    assert record.options == {"limit": 5, "rate": 1_000.0}
    assert record.result == job.result
    assert (job.tally.done, job.result and job.result.done) == (5, 5)
    assert bodies(content_of(broker.url, QUEUE)) == numbers(30, failure=0)[:5]


def test_it_is_on_disk_before_anything_is_changed(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, turns: Turns, tmp_path: Path
) -> None:
    fill_dead(broker, 3)
    with turns.take(DEAD, "the test"):
        job = changes.replay(ALL, Bounds(), Pace(), ANA)
        (record,) = records(tmp_path)
        assert record.result is None
        plain.wait_depth(DEAD, 3)
    assert ended(job).done == 3


def test_where_it_cannot_be_written_nothing_is_changed(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    fill_dead(broker, 3)
    with monkeypatch.context() as patched:
        patched.setattr(audit, "write_all", full)
        with pytest.raises(WarrenError, match=r"cannot write to the audit log .*: No space left on device"):
            changes.replay(ALL, Bounds(), Pace(), ANA)
        with pytest.raises(WarrenError, match="cannot write to the audit log"):
            changes.discard(ALL, Bounds(), ANA)

    assert changes.jobs.all() == []
    assert len(content_of(broker.url, DEAD)) == 3
    assert ended(changes.replay(ALL, Bounds(), Pace(), ANA)).done == 3


def test_a_result_that_cannot_be_written_is_said_and_the_change_stays_what_it_was(
    broker: BrokerUnderTest,
    plain: PlainPika,
    changes: Changes,
    turns: Turns,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(_descriptor: int, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    fill_dead(broker, 3)
    with turns.take(DEAD, "the test"):
        job = changes.replay(ALL, Bounds(), Pace(), ANA)
        monkeypatch.setattr(audit, "write_all", full)

    assert ended(job).done == 3
    assert "the result is missing in the audit log" in job.remarks[0]
    assert [record.result for record in records(tmp_path)] == [None]


def test_two_dashboards_never_write_to_one_audit_log(made: Making) -> None:
    made()
    with pytest.raises(ConfigurationError, match="another warren writes to"):
        made()


# -- what is meant, and no other -----------------------------------------------------------------


def test_messages_that_were_named_go_back_and_no_others(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 9)
    held = held_in(broker.url, DEAD)
    chosen = Choice(queue=DEAD, keys=(key_of(held[4]), key_of(held[7])))

    assert ended(changes.replay(chosen, Bounds(), Pace(), ANA)).done == 2

    assert bodies(content_of(broker.url, QUEUE)) == [held[4].body, held[7].body]
    assert len(content_of(broker.url, DEAD)) == 7


def test_a_message_that_is_gone_meanwhile_is_said_to_be(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 2)
    first, second = held_in(broker.url, DEAD)
    assert ended(changes.discard(Choice(queue=DEAD, keys=(key_of(first),)), Bounds(), ANA)).done == 1

    gone = ended(changes.replay(Choice(queue=DEAD, keys=(key_of(first),)), Bounds(), Pace(), ANA))
    partly = ended(changes.replay(Choice(queue=DEAD, keys=(key_of(first), key_of(second))), Bounds(), Pace(), ANA))

    assert (gone.outcome, gone.done) == (Outcome.FAILED, 0)
    assert gone.detail == f"the message is no longer in {DEAD}, or somebody else holds it"
    assert (partly.outcome, partly.done) == (Outcome.DONE, 1)
    assert partly.detail.startswith("1 of the messages chosen is no longer in")


def test_what_dies_after_it_was_counted_is_not_grabbed(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 6)
    counted = changes.count(OF_ONE, tally=Tally(), halt=Halt())
    assert (counted.count, counted.looked, counted.depth) == (2, 6, 6)
    assert counted.targets == ((QUEUE, 2),)
    fill_dead(broker, 6)

    ended(changes.discard(OF_ONE, Bounds(limit=counted.count, at_most=counted.looked), ANA))

    assert len(content_of(broker.url, DEAD)) == 10


def test_what_has_come_in_the_place_of_what_was_counted_is_left_alone(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 5)
    counted = changes.count(ALL, tally=Tally(), halt=Halt())
    plain.channel.queue_purge(DEAD)
    fill(broker.url, DEAD, (dead_letter(n, queue=QUEUE, fingerprint=FAILURES[1]) for n in range(100, 105)))
    others = bodies(content_of(broker.url, DEAD))

    job = changes.discard(ALL, Bounds(limit=counted.count, at_most=counted.looked, counted=counted.keys), ANA)

    result = ended(job)
    assert (result.outcome, result.done) == (Outcome.DONE, 0)
    assert result.detail == f"5 of the 5 messages counted were no longer in {DEAD}, or somebody else held them"
    assert bodies(content_of(broker.url, DEAD)) == others


def test_of_what_was_counted_what_is_there_is_changed_and_what_is_gone_is_said(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 5)
    equal = held_in(broker.url, DEAD)[2]
    fill(broker.url, DEAD, [(equal.properties, equal.body)])
    counted = changes.count(ALL, tally=Tally(), halt=Halt())
    plain.channel.basic_get(DEAD, auto_ack=True)

    job = changes.replay(ALL, Bounds(limit=counted.count, at_most=counted.looked, counted=counted.keys), Pace(), ANA)

    result = ended(job)
    assert (result.outcome, result.done) == (Outcome.DONE, 5)
    assert result.detail == f"1 of the 6 messages counted was no longer in {DEAD}, or somebody else held it"
    assert content_of(broker.url, DEAD) == []


def test_a_count_leaves_the_queue_as_it_was_and_tells_what_would_stop_a_replay(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 30)
    before = content_of(broker.url, DEAD)
    plain.channel.queue_delete(QUEUE)

    counted = changes.count(ALL, tally=Tally(), halt=Halt())

    assert counted.count == 30
    assert counted.problems == (f"there is no queue {QUEUE}; a replay stops at the first message of it",)
    assert content_of(broker.url, DEAD) == before


def test_what_a_count_costs_is_asked_first_where_it_is_not_known(
    broker: BrokerUnderTest, plain: PlainPika, made: Making
) -> None:
    fill_dead(broker, 3)
    changes = made(broker.url)  # where no management API can be asked

    asked = changes.count(ALL, tally=Tally(), halt=Halt())
    agreed = changes.count(ALL, tally=Tally(), halt=Halt(), agreed=True)

    assert (asked.count, asked.looked) == (0, 0)
    assert "if it is one, this look counts as a delivery of each message" in asked.question
    assert (agreed.count, agreed.question) == (3, "")


# -- one at a time -------------------------------------------------------------------------------


def test_of_two_people_who_change_one_queue_the_second_is_told_of_the_first(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, tmp_path: Path
) -> None:
    fill_dead(broker, 9)
    job = changes.replay(ALL, Bounds(), SLOWLY, ANA)

    with pytest.raises(WarrenError, match=f"ana@office has a replay under way on {DEAD}; wait for it, or cancel it"):
        changes.discard(ALL, Bounds(), Person("ben", "all of it"))
    with pytest.raises(WarrenError, match="ana@office has a replay under way"):
        changes.count(ALL, tally=Tally(), halt=Halt())

    plain.wait_depth(QUEUE, 1)
    assert changes.jobs.cancel(job.record.id, "ben")
    result = ended(job)
    assert (result.outcome, result.detail, result.done) == (Outcome.CANCELLED, "cancelled by ben", 1)
    assert not changes.jobs.cancel(job.record.id, "ben")
    plain.wait_depth(DEAD, 8)
    assert ended(changes.replay(ALL, Bounds(), Pace(), ANA)).done == 8
    assert [record.who for record in records(tmp_path)] == [ANA.name, ANA.name]


def test_a_change_waits_for_a_look_and_can_be_cancelled_meanwhile(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, turns: Turns
) -> None:
    fill_dead(broker, 3)
    with turns.take(DEAD, "the test"):
        job = changes.replay(ALL, Bounds(), Pace(), ANA)
        assert job.is_waiting
        changes.jobs.cancel(job.record.id, "ben")
        assert ended(job).outcome is Outcome.CANCELLED
    plain.wait_depth(DEAD, 3)


def test_people_who_begin_at_the_same_time_change_a_queue_once(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 9)
    jobs, refused = list[Job](), list[str]()
    together = threading.Barrier(4)

    def begin(number: int) -> None:
        together.wait()
        try:
            jobs.append(changes.replay(ALL, Bounds(), SLOWLY, Person(f"person {number}")))
        except WarrenError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(jobs) == 1
    assert len(refused) == 3
    changes.jobs.cancel(jobs[0].record.id, "ana")
    ended(jobs[0])


# -- nothing is lost -----------------------------------------------------------------------------


def test_a_replay_whose_connection_is_lost_loses_nothing_and_another_finishes(
    broker: BrokerUnderTest, plain: PlainPika, made: Making, tmp_path: Path
) -> None:
    fill_dead(broker, 600)
    wanted = set(numbers(600))

    with Gate(broker.node.port) as gate:
        changes = made(broker.url.replace(f":{broker.node.port}/", f":{gate.port}/"))
        job = changes.replay(ALL, Bounds(), Pace(rate=50.0), ANA)
        wait_until(lambda: plain.depth(QUEUE) > 20)
        gate.cut()
        result = ended(job)
        assert result.outcome is Outcome.FAILED
        assert "the connection was lost" in result.detail
        wait_until(lambda: everywhere(broker) == wanted, interval=0.5)
        assert ended(changes.replay(ALL, Bounds(), Pace(), ANA)).outcome is Outcome.DONE

    assert set(bodies(content_of(broker.url, QUEUE))) == wanted
    assert content_of(broker.url, DEAD) == []
    assert [record.result and record.result.outcome for record in records(tmp_path)] == ["done", "failed"]


def test_what_goes_on_at_the_end_of_the_dashboard_is_stopped_and_gives_back_what_it_holds(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, tmp_path: Path
) -> None:
    fill_dead(broker, 9)
    job = changes.replay(ALL, Bounds(), SLOWLY, ANA)
    plain.wait_depth(QUEUE, 1)

    changes.stop()

    assert job.result is not None
    assert (job.result.outcome, job.result.done) == (Outcome.INTERRUPTED, 1)
    assert records(tmp_path)[0].result == job.result
    assert len((tmp_path / "audit.ndjson").read_text().splitlines()) == 2
    plain.wait_depth(DEAD, 8)
    with pytest.raises(WarrenError, match="the dashboard is ending"):
        changes.replay(ALL, Bounds(), Pace(), ANA)


def test_what_was_discarded_is_in_its_file_to_the_last_byte_and_comes_back_from_there(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 30)
    before = held_in(broker.url, DEAD)

    job = changes.discard(OF_ONE, Bounds(), ANA)

    assert ended(job).done == 10
    path = changes.file_of(DEAD)
    assert job.result is not None
    assert job.result.file == str(path)
    kept = [held for _, _, held in saved_messages(path)]
    assert list(map(content, kept)) == list(map(content, before[::3]))
    assert len(content_of(broker.url, DEAD)) == 20
    with open_connection(settings_of(broker.url), "back") as connection:
        replay_file(connection, path, Plan(resolve=target_of_saved), Tally(total=check_saved(path)), None)
    assert bodies(content_of(broker.url, QUEUE)) == numbers(30, failure=0)


def test_of_two_messages_that_are_the_same_to_the_last_byte_both_are_in_the_file(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill(broker.url, DEAD, [dead_letter(7, queue=QUEUE, fingerprint=FAILURES[0])] * 2)
    assert len(held_in(broker.url, DEAD)) == 2  # a look, after which each is redelivered

    assert [ended(changes.discard(ALL, Bounds(limit=1), ANA)).done for _ in range(2)] == [1, 1]

    assert len(saved_messages_of(changes)) == 2
    assert content_of(broker.url, DEAD) == []


def saved_messages_of(changes: Changes) -> list[Held]:
    return [held for _, _, held in saved_messages(changes.file_of(DEAD))]


def test_a_discard_takes_a_reason_and_a_file_that_can_be_written(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes
) -> None:
    fill_dead(broker, 3)

    with pytest.raises(ConfigurationError, match="say why"):
        changes.discard(ALL, Bounds(), Person("ana", "  "))
    changes.file_of(DEAD).mkdir()
    result = ended(changes.discard(ALL, Bounds(), ANA))

    assert (result.outcome, result.done) == (Outcome.FAILED, 0)
    plain.wait_depth(DEAD, 3)


def test_a_discard_cancelled_on_its_way_has_each_message_in_the_file_or_in_the_queue(
    broker: BrokerUnderTest, plain: PlainPika, changes: Changes, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_dead(broker, 3_000)
    job = changes.discard(ALL, Bounds(), ANA)
    wait_until(lambda: job.tally.done > 0 or job.result is not None, interval=0.001)
    changes.jobs.cancel(job.record.id, "ben")
    ended(job)

    kept = {held.body for _, _, held in saved_messages(changes.file_of(DEAD))}
    left = set(bodies(content_of(broker.url, DEAD)))
    assert kept | left == set(numbers(3_000))
    assert kept & left == set()


# -- a worker that tells what became of them -----------------------------------------------------


class OrderCreated(Message, type="orders.created"):
    order_id: int


@pytest.fixture
def shop(broker: BrokerUnderTest) -> Iterator[Warren]:
    """A consumer whose orders fail for good, and whose dead letters are 20."""
    app = Warren("billing", broker=broker.url)

    @app.consumer(QUEUE, OrderCreated, retry=Retry())
    def handle(order: OrderCreated, delivery: Delivery) -> None:
        raise Permanent("no such customer")

    with app, PlainPika(broker.url) as plain, app.worker():
        for number in range(20):
            plain.publish("", QUEUE, json.dumps({"order_id": number}).encode(), type="orders.created")
        plain.wait_depth(DEAD, 20)
        yield app


def test_a_canary_that_dies_again_keeps_the_rest(broker: BrokerUnderTest, shop: Warren, changes: Changes) -> None:
    job = changes.replay(ALL, Bounds(), Pace(canary=2), ANA)

    result = ended(job)

    assert result.outcome is Outcome.STOPPED
    assert "canary message" in result.detail
    assert "no such customer" in result.detail
    assert result.done == 2
    assert job.died >= 1
    with PlainPika(broker.url) as plain:
        plain.wait_depth(DEAD, 20)


def test_once_the_same_failure_comes_back_no_more_is_sent(
    broker: BrokerUnderTest, shop: Warren, changes: Changes
) -> None:
    result = ended(changes.replay(ALL, Bounds(), Pace(rate=1.0), ANA))

    assert result.outcome is Outcome.STOPPED
    assert "died again of Permanent@" in result.detail
    assert result.done < 20
    with PlainPika(broker.url) as plain:
        plain.wait_depth(DEAD, 20)


# -- a dashboard that is killed ------------------------------------------------------------------


KILLED = """
import sys, threading
from pathlib import Path
from warren.config import BrokerSettings
from warren.dashboard.changes.changes import Changes, Person
from warren.dashboard.changes.choice import Choice
from warren.dashboard.changes.replay import Bounds, Pace
from warren.dashboard.letters.dead_letters import DeadLetters
from warren.dashboard.letters.masking import Masking
from warren.dashboard.turns import Turns

broker, turns, ana = BrokerSettings.parse(sys.argv[1]), Turns(), Person("ana@office", "the shop is fixed")
letters = DeadLetters(broker, masking=Masking(), turns=turns, most=10_000, timeout=10.0)
log = Path("audit.ndjson")
changes = Changes(broker, app=None, letters=letters, turns=turns, audit_log=log, most=10_000, timeout=10.0)
chosen = Choice(queue="billing.invoices.dead")
if sys.argv[2] == "replay":
    changes.replay(chosen, Bounds(), Pace(rate=100.0), ana)
else:
    changes.discard(chosen, Bounds(), ana)
threading.Event().wait()
"""


def killed(broker: BrokerUnderTest, folder: Path, what: str, is_time: Callable[[], bool]) -> None:
    """Begin a change in a process, and kill that with SIGKILL once it is time."""
    command = [sys.executable, "-c", KILLED, url_with_management(broker), what]
    with subprocess.Popen(command, cwd=folder) as process:
        try:
            wait_until(lambda: is_time() or process.poll() is not None, interval=0.005)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL


def test_rule_26_a_replay_whose_dashboard_is_killed_loses_nothing_and_another_finishes(
    broker: BrokerUnderTest, plain: PlainPika, made: Making, tmp_path: Path
) -> None:
    fill_dead(broker, 900)

    killed(broker, tmp_path, "replay", lambda: plain.depth(QUEUE) > 50)

    wait_until(lambda: everywhere(broker) == set(numbers(900)), interval=0.5)
    (record,) = records(tmp_path)
    assert (record.who, record.result) == ("ana@office", None)
    assert ended(made().replay(ALL, Bounds(), Pace(), ANA)).outcome is Outcome.DONE
    assert set(bodies(content_of(broker.url, QUEUE))) == set(numbers(900))
    assert content_of(broker.url, DEAD) == []


def test_rule_26_a_discard_whose_dashboard_is_killed_has_every_message_in_the_file_or_in_the_queue(
    broker: BrokerUnderTest, plain: PlainPika, made: Making, tmp_path: Path
) -> None:
    fill_dead(broker, 3_000)
    changes = made(path=tmp_path / "other.ndjson")
    path = changes.file_of(DEAD)

    killed(broker, tmp_path, "discard", lambda: path.exists() and path.stat().st_size > 0)

    def kept() -> list[bytes]:
        return [held.body for _, _, held in saved_messages(path)]

    wait_until(
        lambda: {*kept(), *bodies(content_of(broker.url, DEAD))} == set(numbers(3_000)),
        interval=0.5,
        message="each message is in the file or in the queue",
    )
    assert ended(changes.discard(ALL, Bounds(), ANA)).outcome is Outcome.DONE
    assert sorted(kept()) == sorted(numbers(3_000))
    assert content_of(broker.url, DEAD) == []
