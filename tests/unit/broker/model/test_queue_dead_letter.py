"""Where dropped messages go, and what is written on them. What is expected are headers that RabbitMQ sent."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker_stage import Stage, waiting
from tests.unit.broker.storage.journals import Loop, open_journal
from warren.broker.model.queue import Queue
from warren.broker.protocol import properties
from warren.broker.protocol.fields import FieldValue
from warren.broker.settings import Profile

TO_DEAD = {"dead_letter_exchange": "", "dead_letter_routing_key": "dead"}


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture(params=[False, True], ids=["classic", "quorum"])
def quorum(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def headers(queue: Queue, place: int = 0) -> dict[str, FieldValue]:
    return properties.headers(queue.header(list(queue.waiting())[place].message))


def deaths(queue: Queue) -> Any:
    return headers(queue)["x-death"]


def reject_one(stage: Stage, queue: Queue) -> None:
    client = stage.client()
    assert client.get(queue) is not None
    client.reject()


def test_a_rejected_message_tells_where_it_died(stage: Stage, quorum: bool) -> None:
    dead = stage.queue("dead")
    queue = stage.queue(quorum=quorum, **TO_DEAD)
    stage.publish("a", headers={"h": "v"}, expiration="60000", priority=3, delivery_mode=2)
    reject_one(stage, queue)
    assert headers(dead) == {
        "h": "v",
        "x-death": [
            {
                "original-expiration": "60000",
                "count": 1,
                "reason": "rejected",
                "queue": "q",
                "time": 1_700_000_000,
                "exchange": "",
                "routing-keys": ["q"],
            }
        ],
        "x-first-death-exchange": "",
        "x-first-death-queue": "q",
        "x-first-death-reason": "rejected",
        "x-last-death-exchange": "",
        "x-last-death-queue": "q",
        "x-last-death-reason": "rejected",
    }
    letter = dead.head().message
    assert properties.read(dead.header(letter)).expiration is None
    assert (letter.persistent, letter.address.exchange, letter.address.routing_key) == (True, "", "dead")


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"message_ttl": 100}, "expired"), ({"max_length": 0}, "maxlen")],
)
def test_the_reason_is_told(stage: Stage, quorum: bool, options: dict[str, Any], reason: str) -> None:
    dead = stage.queue("dead")
    stage.queue(quorum=quorum, **TO_DEAD, **options)
    stage.publish("a")
    stage.wait(0.1)
    assert deaths(dead)[0]["reason"] == reason


def test_a_message_that_failed_too_often_is_dead(stage: Stage) -> None:
    dead = stage.queue("dead")
    queue = stage.queue(quorum=True, delivery_limit=1, **TO_DEAD)
    stage.publish("a")
    client = stage.client()
    for _ in range(2):
        client.get(queue)
        client.requeue()
    assert deaths(dead)[0]["reason"] == "delivery_limit"
    assert queue.ready_count == 0


def test_without_a_dead_letter_exchange_it_is_gone(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum)
    stage.publish("a")
    reject_one(stage, queue)
    assert queue.ready_count == queue.unacked_count == 0
    assert len(stage.storage.acknowledged) == 1


def test_without_a_routing_key_all_original_ones_count(stage: Stage, quorum: bool) -> None:
    dead, copies = stage.queue("dead"), stage.queue("copies")
    queue = stage.queue(quorum=quorum, dead_letter_exchange="amq.topic")
    for destination, key in (("dead", "q"), ("copies", "copy")):
        stage.vhost.bind("queue", destination, "amq.topic", key)
    stage.publish("a", headers={"CC": ["copy", "other"], "BCC": ["secret"]})
    reject_one(stage, queue)
    assert (waiting(dead), waiting(copies)) == (["a"], ["a"])
    assert deaths(dead)[0]["routing-keys"] == ["q", "copy", "other"]
    assert headers(dead)["CC"] == ["copy", "other"]
    assert dead.head().message.address.routing_key == "q"


@pytest.mark.parametrize(("profile", "keeps"), [(Profile.RABBITMQ_4_0, True), (Profile.RABBITMQ_3_10, False)])
def test_a_routing_key_of_its_own_takes_the_place_of_all(profile: Profile, keeps: bool) -> None:
    stage = Stage(profile=profile)
    dead, copies = stage.queue("dead"), stage.queue("copies")
    queue = stage.queue(**TO_DEAD)
    stage.publish("a", headers={"CC": ["copies"]})
    copies.purge()
    reject_one(stage, queue)
    assert (waiting(dead), waiting(copies)) == (["a"], [])
    assert deaths(dead)[0]["routing-keys"] == ["q", "copies"]
    assert ("CC" in headers(dead)) is keeps


def test_a_message_that_dies_again_counts_and_tells_the_last_death_first(stage: Stage) -> None:
    retry = stage.queue("retry", dead_letter_exchange="", dead_letter_routing_key="work", message_ttl=100)
    work = stage.queue("work", dead_letter_exchange="", dead_letter_routing_key="retry")
    stage.publish("a", to="work")
    reject_one(stage, work)
    stage.wait(0.1)
    reject_one(stage, work)
    assert [(death["queue"], death["reason"], death["count"]) for death in deaths(retry)] == [
        ("work", "rejected", 2),
        ("retry", "expired", 1),
    ]
    stage.wait(0.1)
    assert [(death["queue"], death["reason"], death["count"]) for death in deaths(work)] == [
        ("retry", "expired", 2),
        ("work", "rejected", 2),
    ]
    assert headers(work)["x-first-death-queue"] == "work"
    assert headers(work)["x-last-death-queue"] == "retry"
    assert [death["time"] for death in deaths(work)] == [1_700_000_000, 1_700_000_000]


def test_a_quorum_queue_tells_how_often_quorum_queues_rejected_a_message_that_comes_back(stage: Stage) -> None:
    stage.queue("retry", message_ttl=100, dead_letter_exchange="", dead_letter_routing_key="work")
    work = stage.queue("work", quorum=True, dead_letter_exchange="", dead_letter_routing_key="retry", delivery_limit=2)
    client = stage.client()
    client.consume(work, "c")
    stage.publish("a", to="work")
    for _ in range(3):
        client.reject()
        stage.wait(0.1)
    assert client.taken() == ["c:a", "c:a*", "c:a*", "c:a*"]
    assert [one.get("x-delivery-count") for one in client.headers] == [None, 1, 2, 3]
    client.requeue()
    assert client.headers[-1]["x-delivery-count"] == 1


def test_a_classic_queue_takes_it_for_new(stage: Stage) -> None:
    stage.queue("retry", message_ttl=100, dead_letter_exchange="", dead_letter_routing_key="work")
    work = stage.queue("work", dead_letter_exchange="", dead_letter_routing_key="retry")
    client = stage.client()
    client.consume(work, "c")
    stage.publish("a", to="work")
    client.reject()
    stage.wait(0.1)
    assert client.taken() == ["c:a", "c:a"]
    assert "x-delivery-count" not in client.headers[-1]


# -- what clients send --------------------------------------------------------------------


def test_an_x_death_that_a_client_sent_is_not_believed(stage: Stage) -> None:
    dead = stage.queue("dead")
    queue = stage.queue(**TO_DEAD)
    stage.publish("a")
    reject_one(stage, queue)
    stage.publish("again", headers=headers(dead))
    dead.purge()
    reject_one(stage, queue)
    assert [death["count"] for death in deaths(dead)] == [1]


def test_rabbitmq_3_10_believed_it_and_told_no_last_death() -> None:
    stage = Stage(profile=Profile.RABBITMQ_3_10)
    dead = stage.queue("dead")
    queue = stage.queue(**TO_DEAD)
    stage.publish("a")
    reject_one(stage, queue)
    assert "x-last-death-queue" not in headers(dead)
    stage.publish("again", headers=headers(dead))
    dead.purge()
    reject_one(stage, queue)
    assert [death["count"] for death in deaths(dead)] == [2]


@pytest.mark.parametrize("profile", Profile)
def test_an_x_death_that_is_none_is_replaced(profile: Profile) -> None:
    stage = Stage(profile=profile)
    dead = stage.queue("dead")
    queue = stage.queue(**TO_DEAD)
    stage.publish("a", headers={"x-death": "mine"})
    reject_one(stage, queue)
    assert [death["count"] for death in deaths(dead)] == [1]


def test_deaths_outlive_a_restart(tmp_path: Path) -> None:
    loop = Loop()
    journal = open_journal(tmp_path, loop)
    stage = Stage(journal=journal)
    stage.queue("retry", dead_letter_exchange="", dead_letter_routing_key="work", message_ttl=1000)
    work = stage.queue("work", dead_letter_exchange="", dead_letter_routing_key="retry")
    stage.publish("a", to="work", delivery_mode=2)
    reject_one(stage, work)
    journal.close([])

    stage = Stage(journal=open_journal(tmp_path, loop))
    stage.wait(1.0)
    work = stage.vhost.queues["work"]
    assert [(death["queue"], death["count"]) for death in deaths(work)] == [("retry", 1), ("work", 1)]
    reject_one(stage, work)
    assert [death["count"] for death in deaths(stage.vhost.queues["retry"])] == [2, 1]
    stage.node.storage.close([])


def test_a_letter_that_may_have_been_delivered_before_a_crash_says_so(tmp_path: Path) -> None:
    loop = Loop()
    journal = open_journal(tmp_path / "before", loop)
    stage = Stage(journal=journal)
    stage.queue("dead")
    stage.queue(message_ttl=1000, **TO_DEAD)
    stage.publish("a", delivery_mode=2)
    loop.run_until(lambda: journal.flushed >= journal.latest)
    shutil.copytree(tmp_path / "before", tmp_path / "killed")
    stage.wait(1.0)  # it expires, and its letter could be acknowledged: all that is not on the disk yet
    assert waiting(stage.vhost.queues["dead"]) == ["a"]
    journal.close([])

    stage = Stage(journal=open_journal(tmp_path / "killed", loop))
    stage.wait(1.0)
    assert stage.client().get(stage.vhost.queues["dead"]) == "a*"
    stage.node.storage.close([])


# -- circles ------------------------------------------------------------------------------


def test_a_circle_in_which_nobody_rejects_ends(stage: Stage, quorum: bool) -> None:
    queue = stage.queue(quorum=quorum, message_ttl=100, dead_letter_exchange="")
    stage.publish("a")
    stage.wait(1.0)
    assert waiting(queue) == []
    assert len(stage.storage.acknowledged) == 1


def test_a_longer_circle_ends_where_it_would_close(stage: Stage) -> None:
    one = stage.queue("one", message_ttl=100, dead_letter_exchange="", dead_letter_routing_key="two")
    two = stage.queue("two", message_ttl=100, dead_letter_exchange="", dead_letter_routing_key="one")
    stage.publish("a", to="one")
    stage.wait(0.1)
    assert (waiting(one), waiting(two)) == ([], ["a"])
    stage.wait(10.0)
    assert (waiting(one), waiting(two)) == ([], [])


def test_a_queue_that_is_always_full_and_its_own_dead_letter_queue_does_not_recurse(stage: Stage) -> None:
    stage.queue(max_length=0, dead_letter_exchange="")
    stage.publish(*["a"] * 100)
    assert len(stage.storage.acknowledged) == 100


def test_a_long_chain_is_no_recursion(stage: Stage) -> None:
    for number in range(150):
        stage.queue(
            f"q{number}", max_length=0, dead_letter_exchange="", dead_letter_routing_key=f"q{number + 1}", durable=False
        )
    end = stage.queue("q150")
    stage.publish("a", to="q0")
    assert waiting(end) == ["a"]


# -- at-least-once ------------------------------------------------------------------------

AT_LEAST_ONCE = {
    "quorum": True,
    "overflow": "reject-publish",
    "dead_letter_strategy": "at-least-once",
    **TO_DEAD,
}


def test_at_least_once_keeps_a_message_until_there_is_a_queue_for_it(stage: Stage) -> None:
    queue = stage.queue(**AT_LEAST_ONCE)
    stage.publish("a")
    reject_one(stage, queue)
    assert (queue.undelivered.count, queue.undelivered.size) == (1, 1)
    assert stage.storage.acknowledged == []
    dead = stage.queue("dead")
    stage.wait(180.0)
    assert waiting(dead) == ["a"]
    assert queue.undelivered.count == 0
    assert len(stage.storage.acknowledged) == 1


def test_at_least_once_keeps_a_message_that_is_refused(stage: Stage) -> None:
    dead = stage.queue("dead", max_length=0, overflow="reject-publish")
    queue = stage.queue(**AT_LEAST_ONCE)
    stage.publish("a")
    reject_one(stage, queue)
    assert queue.undelivered.count == 1
    dead.apply_policy(None)
    stage.vhost.delete_queue("dead")
    dead = stage.queue("dead")
    stage.wait(180.0)
    assert waiting(dead) == ["a"]


def test_at_least_once_counts_what_it_keeps_against_the_limit(stage: Stage) -> None:
    queue = stage.queue(max_length=2, **AT_LEAST_ONCE)
    for _ in range(3):
        stage.publish("a")
        reject_one(stage, queue)
    stage.publish("b")
    assert stage.publish("c") == [-2]


def test_at_least_once_needs_a_queue_that_refuses_publishes(stage: Stage) -> None:
    queue = stage.queue(**{**AT_LEAST_ONCE, "overflow": "drop-head"})
    stage.publish("a")
    reject_one(stage, queue)
    assert queue.undelivered.count == 0
    assert len(stage.storage.acknowledged) == 1


def test_what_at_least_once_keeps_goes_with_its_queue(stage: Stage) -> None:
    before = len(stage.node.timers)
    queue = stage.queue(**AT_LEAST_ONCE)
    stage.publish("a")
    reject_one(stage, queue)
    stage.vhost.delete_queue("q")
    dead = stage.queue("dead")
    stage.wait(1000.0)
    assert waiting(dead) == []
    assert len(stage.node.timers) == before
