"""kill -9 of the embedded broker at random moments under load: no confirmed message is lost.

Not here: loss of power, and a journal without a broker around it (tests/unit/broker/storage).

WARREN_KILLS says how often the broker is killed. Its data lives on from kill to kill, with a part of the messages.
"""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pika
import pytest
from pika.exceptions import AMQPError

from tests.support.embedded_node import EmbeddedNode
from tests.support.flood import Flood
from warren.broker.model.message import Address

KILLS = int(os.environ.get("WARREN_KILLS", "8"))

WORK, HASTY, ONE, TWO, DEAD = QUEUES = ("work", "hasty", "one", "two", "dead")
TARGETS = {b"work": Address("", WORK), b"hasty": Address("", HASTY), b"fan": Address("amq.fanout", "")}

Name = tuple[str, bytes]
"""A queue and the number of a message."""


@dataclass
class Load:
    """What publishers and consumers know; one writer for each field."""

    dice: random.Random
    numbers: int = 0
    confirmed: set[bytes] = field(default_factory=set)
    acknowledged: set[Name] = field(default_factory=set)
    rejected: set[bytes] = field(default_factory=set)

    def messages(self) -> list[tuple[Address, bytes]]:
        made = []
        for _ in range(self.dice.randrange(1, 60)):
            self.numbers += 1
            kind = self.dice.choice(list(TARGETS))
            body = b"%s-%d %s" % (kind, self.numbers, b"x" * self.dice.choice([0, 100, 1000, 5000]))
            made.append((TARGETS[kind], body))
        return made


def number_of(body: bytes) -> bytes:
    return body.partition(b" ")[0]


def connect(node: EmbeddedNode) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(node.url))


def declare(node: EmbeddedNode) -> None:
    with connect(node) as connection:
        channel = connection.channel()
        to_dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": DEAD}
        channel.queue_declare(WORK, durable=True, arguments=to_dead)
        channel.queue_declare(HASTY, durable=True, arguments={**to_dead, "x-message-ttl": 30})
        channel.queue_declare(DEAD, durable=True)
        for name in (ONE, TWO):
            channel.queue_declare(name, durable=True)
            channel.queue_bind(name, "amq.fanout")


def publish_until_killed(node: EmbeddedNode, load: Load, begun: threading.Event) -> None:
    flood = Flood(node.port)
    begun.set()
    try:
        while True:
            flood.publish(load.messages())
    except OSError:
        pass
    flood.close()
    load.confirmed.update(map(number_of, flood.confirmed))


def consume_until_killed(node: EmbeddedNode, load: Load, seed: int) -> None:
    dice = random.Random(seed)

    def settle(channel, deliver, properties, body) -> None:
        queue, number, chance = deliver.consumer_tag, number_of(body), dice.random()
        if chance < 0.6:
            load.acknowledged.add((queue, number))
            channel.basic_ack(deliver.delivery_tag)
        elif chance < 0.8 and queue == WORK:
            load.rejected.add(number)
            channel.basic_reject(deliver.delivery_tag, requeue=False)
        elif chance < 0.85:
            channel.basic_nack(deliver.delivery_tag, requeue=True)

    try:
        channel = connect(node).channel()
        channel.basic_qos(prefetch_count=100)
        for name in (WORK, ONE, DEAD):
            channel.basic_consume(name, settle, consumer_tag=name)
        channel.start_consuming()
    except (AMQPError, OSError):
        pass


def kill_under_load(node: EmbeddedNode, load: Load) -> None:
    begun = threading.Event()
    threads = [
        threading.Thread(target=publish_until_killed, args=(node, load, begun)),
        threading.Thread(target=consume_until_killed, args=(node, load, load.dice.random())),
    ]
    moment = load.dice.uniform(0.0, 0.6)
    for thread in threads:
        thread.start()
    assert begun.wait(20.0)
    time.sleep(moment)  # The moment is the input of the test, not something to wait for.
    node.kill()
    for thread in threads:
        thread.join(30.0)
        assert not thread.is_alive()


def take_all(node: EmbeddedNode, load: Load) -> dict[Name, bool]:
    """Return what is in the queues, each with whether it is redelivered; acknowledge most of it."""
    found: dict[Name, bool] = {}
    tags: list[tuple[int, Name]] = []

    def take(channel, deliver, properties, body) -> None:
        name = (deliver.consumer_tag, number_of(body))
        assert name not in found, f"{name} came back twice"
        found[name] = deliver.redelivered
        tags.append((deliver.delivery_tag, name))

    with connect(node) as connection:
        channel = connection.channel()
        for queue in QUEUES:
            channel.basic_consume(queue, take, consumer_tag=queue)
        deadline = time.monotonic() + 60.0
        while sum(channel.queue_declare(queue, passive=True).method.message_count for queue in QUEUES):
            assert time.monotonic() < deadline
            connection.process_data_events(0.01)
        connection.process_data_events(0.0)
        for tag, name in tags:
            if load.dice.random() < 0.7:
                load.acknowledged.add(name)
                channel.basic_ack(tag)
    return found


def check(load: Load, found: dict[Name, bool]) -> None:
    there = found.keys() | load.acknowledged
    for number in load.confirmed:
        if number.startswith(b"fan"):
            assert {(ONE, number), (TWO, number)} <= there, number
        elif number.startswith(b"hasty"):
            assert {(HASTY, number), (DEAD, number)} & there, number
            assert not {(HASTY, number), (DEAD, number)} <= found.keys(), number
        elif number in load.rejected:
            assert {(WORK, number), (DEAD, number)} & there, number
            assert not {(WORK, number), (DEAD, number)} <= found.keys(), number
        else:
            assert (WORK, number) in there, number
    for name in found.keys() & load.acknowledged:
        assert found[name], f"{name} was acknowledged, and came back as new"


@pytest.mark.timeout(60 + 15 * KILLS)
def test_no_confirmed_message_is_lost_and_nothing_acknowledged_comes_back_as_new(tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    load = Load(random.Random(seed))
    node = EmbeddedNode(tmp_path / "node")
    node.start()
    seen = 0
    try:
        declare(node)
        for _ in range(KILLS):
            kill_under_load(node, load)
            node.start()
            before = set(load.acknowledged)
            found = take_all(node, load)
            new = load.acknowledged - before
            load.acknowledged -= new
            check(load, found)
            load.acknowledged |= new
            load.confirmed |= {number for _, number in found}  # it is there, so it must stay
            seen += len(found)
        assert len(load.confirmed) > 20 * KILLS
        assert "damaged" not in node.log
    finally:
        node.kill()
    print(f"{KILLS} kills, {load.numbers} published, {len(load.confirmed)} confirmed, {seen} found after kills")
