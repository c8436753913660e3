"""Drained and moved messages, on real brokers: each is in its queue or where it goes, and is the same there.

Not here: the command (tests/acceptance/test_cli_drain.py), or replay (test_replay.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.broker import BrokerUnderTest
from tests.support.gate import Gate
from tests.support.plain import PlainPika
from tests.support.queue_content import bodies, content_of, fill, held_in, settings_of
from tests.support.raw_properties import raw_properties
from tests.support.waiting import wait_until
from warren.contracts.properties import Properties
from warren.errors import BrokerUnavailable, Nacked, Unroutable, WarrenError
from warren.operations.captures import CaptureFile
from warren.operations.drain import Wish, drain_to_file, drain_to_queue
from warren.operations.lease import Held, Lease
from warren.operations.link import open_connection
from warren.operations.replay import Plan, Target, replay_file
from warren.operations.saved import check_saved, saved_messages
from warren.operations.sending import WINDOW
from warren.operations.sweep import Sweep
from warren.operations.tally import Tally
from warren.transport.connection import Connection
from warren.transport.holding import HoldingChannel
from warren.transport.wire import decode_properties, encode_properties

QUEUE = "billing.invoices"
OTHER = "billing.other"
BACK = Plan(resolve=lambda queue, _properties: Target(queue))


@pytest.fixture
def connection(broker: BrokerUnderTest) -> Iterator[Connection]:
    with open_connection(settings_of(broker.url), "draining") as connection:
        yield connection


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        plain.declare(QUEUE)
        plain.declare(OTHER)
        yield plain


def numbered(count: int) -> list[tuple[Properties, bytes]]:
    return [(Properties(message_id=f"m-{n}", delivery_mode=2), b'{"n":%d}' % n) for n in range(count)]


def drain(connection: Connection, path: Path, queue: str = QUEUE, *, limit: int | None = None) -> Tally:
    tally = Tally()
    with CaptureFile.open(path) as file:
        drain_to_file(connection, queue, file, tally, Wish(limit=limit))
    return tally


def same(message: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """A message with its headers in order: RabbitMQ 4 sorts them as it takes a message."""
    properties = decode_properties(message[0], 0)
    if properties.headers:
        properties = properties._replace(headers=ordered(properties.headers))
    return encode_properties(properties), message[1]


def ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: ordered(value[name]) for name in sorted(value)}
    return [ordered(each) for each in value] if isinstance(value, list) else value


messages = st.lists(st.tuples(raw_properties(odd=False), st.binary(max_size=200)), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_what_is_drained_and_replayed_from_the_file_is_the_same_to_the_last_byte(
    broker: BrokerUnderTest, connection: Connection, tmp_path: Path, kind: str
) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare(QUEUE, **{"x-queue-type": kind})

    @settings(
        max_examples=12,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(messages)
    def there_and_back(generated: list[tuple[bytes, bytes]]) -> None:
        path = tmp_path / "messages.ndjson"
        path.unlink(missing_ok=True)
        fill(broker.url, QUEUE, [(decode_properties(raw, 0), body) for raw, body in generated])

        tally = drain(connection, path)
        assert tally.done == len(generated)
        assert content_of(broker.url, QUEUE) == []

        drained = [(saved.held.raw_properties, saved.held.body) for saved in saved_messages(path)]
        again = Tally(total=check_saved(path))
        replay_file(connection, path, BACK, again, None)
        assert again.done == len(generated)
        left = [(held.raw_properties, held.body) for held in held_in(broker.url, QUEUE)]
        with PlainPika(broker.url) as plain:
            plain.channel.queue_purge(QUEUE)
        # A quorum queue has an order of its own for priorities.
        assert sorted(left) == sorted(drained)
        assert sorted(map(same, left)) == sorted(map(same, generated))

    there_and_back()


def test_what_is_moved_to_another_queue_is_the_same_and_in_order(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    given_messages = [
        (Properties("text/plain", headers={"a": [1, None], "b": {}}, priority=3, message_id=f"m-{n}"), b"%d" % n)
        for n in range(500)
    ]
    fill(broker.url, QUEUE, given_messages)
    before = content_of(broker.url, QUEUE)

    tally = Tally()
    drain_to_queue(connection, QUEUE, OTHER, tally)

    assert (tally.total, tally.seen, tally.done) == (500, 500, 500)
    assert content_of(broker.url, OTHER) == before
    assert content_of(broker.url, QUEUE) == []


def test_a_limit_takes_the_first_and_leaves_the_rest_in_order(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika, tmp_path: Path
) -> None:
    fill(broker.url, QUEUE, numbered(300))
    path = tmp_path / "first.ndjson"

    drain(connection, path, limit=120)
    drain(connection, path, limit=30)

    assert [saved.held.body for saved in saved_messages(path)] == [b'{"n":%d}' % n for n in range(150)]
    assert bodies(content_of(broker.url, QUEUE)) == [b'{"n":%d}' % n for n in range(150, 300)]


def test_only_what_matches_is_taken_and_the_others_keep_their_order(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika, tmp_path: Path
) -> None:
    fill(broker.url, QUEUE, numbered(400))
    before = content_of(broker.url, QUEUE)
    tally = Tally()

    drain_to_queue(connection, QUEUE, OTHER, tally, Wish(matches=lambda held: held.body[-2] in b"13579", limit=150))

    assert tally.done == 150
    moved = [each for each in before if each.body[-2] in b"13579"][:150]
    assert content_of(broker.url, OTHER) == moved
    assert bodies(content_of(broker.url, QUEUE)) == [each.body for each in before if each not in moved]


def test_what_arrives_meanwhile_is_left_where_it_is(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika, tmp_path: Path
) -> None:
    fill(broker.url, QUEUE, numbered(50))

    plain.channel.confirm_delivery()

    def arrive(_seen: int) -> None:
        plain.publish("", QUEUE, b"late")

    tally = Tally(on_seen=arrive)
    drain_to_queue(connection, QUEUE, OTHER, tally)

    plain.wait_depth(OTHER, 50)
    assert set(bodies(content_of(broker.url, QUEUE))) == {b"late"}


def test_a_target_that_is_missing_leaves_all_where_it_is(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    fill(broker.url, QUEUE, numbered(50))

    with pytest.raises(Unroutable, match="there is no queue 'nowhere'"):
        drain_to_queue(connection, QUEUE, "nowhere", Tally())

    assert bodies(content_of(broker.url, QUEUE)) == [body for _, body in numbered(50)]


def test_a_target_that_is_full_keeps_what_it_took_and_the_rest_stays(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    plain.declare("full", **{"x-queue-type": "classic", "x-max-length": 20, "x-overflow": "reject-publish"})
    fill(broker.url, QUEUE, numbered(1_000))
    tally = Tally()

    with pytest.raises(Nacked, match="queue 'full' refused message m-"):
        drain_to_queue(connection, QUEUE, "full", tally)

    there, left = bodies(content_of(broker.url, "full")), bodies(content_of(broker.url, QUEUE))
    assert tally.done == len(there) >= 20
    assert sorted(there + left) == sorted(body for _, body in numbered(1_000))


def test_a_file_that_cannot_be_written_acknowledges_nothing(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(broker.url, QUEUE, numbered(50))
    path = tmp_path / "full.ndjson"
    with CaptureFile.open(path) as file:
        monkeypatch.setattr(
            "warren.operations.captures.write_all", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        with pytest.raises(WarrenError, match="No space left"):
            drain_to_file(connection, QUEUE, file, Tally())

    assert bodies(content_of(broker.url, QUEUE)) == [body for _, body in numbered(50)]


def test_what_was_written_and_may_not_be_acknowledged_is_not_done_and_is_not_written_again(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, note = tmp_path / "q.ndjson", tmp_path / "q.unfinished"
    fill(broker.url, QUEUE, numbered(50))
    url = broker.url.replace(f":{broker.node.port}/", ":{port}/")
    acknowledge = HoldingChannel.ack

    with (
        Gate(broker.node.port) as gate,
        open_connection(settings_of(url.format(port=gate.port)), "cut") as connection,
        CaptureFile.open(path, note=note) as file,
    ):

        def lose_connection(channel: HoldingChannel, tags: list[int]) -> None:
            gate.cut()
            acknowledge(channel, tags)

        monkeypatch.setattr(HoldingChannel, "ack", lose_connection)
        with pytest.raises(BrokerUnavailable, match=r"the connection (or the queue )?was lost"):
            drain_to_file(connection, QUEUE, file, Tally())
        monkeypatch.undo()
    assert note.exists()
    plain.wait_depth(QUEUE, 50)

    def fail(_held: Held) -> bool:
        raise WarrenError("before any of them came again")

    with open_connection(settings_of(broker.url), "again") as connection:
        with CaptureFile.open(path, note=note) as file, pytest.raises(WarrenError, match="before any"):
            drain_to_file(connection, QUEUE, file, Tally(), Wish(matches=fail))
        assert note.exists()
        with CaptureFile.open(path, note=note) as file:  # which meets none of them
            drain_to_file(connection, QUEUE, file, Tally(), Wish(matches=lambda held: held.body == b"another"))
        assert note.exists()
        with CaptureFile.open(path, note=note) as file:
            drain_to_file(connection, QUEUE, file, Tally())
    assert not note.exists()
    assert len(path.read_text().splitlines()) == 50
    assert content_of(broker.url, QUEUE) == []


def test_a_broker_that_hangs_behind_the_last_acknowledgement_leaves_the_note(
    connection: Connection, plain: PlainPika, broker: BrokerUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, note = tmp_path / "q.ndjson", tmp_path / "q.unfinished"
    fill(broker.url, QUEUE, numbered(5))
    close = HoldingChannel.close

    def wait(_channel: HoldingChannel) -> None:
        raise BrokerUnavailable("nothing is heard of the broker")

    def close_late(channel: HoldingChannel) -> None:
        close(channel)
        if channel.subscriptions:
            raise BrokerUnavailable("it was not closed in time")

    monkeypatch.setattr(HoldingChannel, "wait_until_acked", wait)
    monkeypatch.setattr(HoldingChannel, "close", close_late)
    with CaptureFile.open(path, note=note) as file, pytest.raises(BrokerUnavailable):
        drain_to_file(connection, QUEUE, file, Tally())
    assert note.exists()


def test_who_interrupts_the_end_of_a_look_still_gives_all_back(
    connection: Connection, plain: PlainPika, broker: BrokerUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(broker.url, QUEUE, numbered(5))

    def interrupt(_channel: HoldingChannel) -> None:
        raise KeyboardInterrupt

    lease = Lease.open(connection, QUEUE)
    assert next(lease.take(5))
    monkeypatch.setattr(HoldingChannel, "cancel", interrupt)
    with pytest.raises(KeyboardInterrupt):
        lease.close()
    monkeypatch.undo()
    plain.wait_depth(QUEUE, 5)


def test_a_failure_behind_what_was_acknowledged_leaves_no_note_of_it(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika, tmp_path: Path
) -> None:
    path, note = tmp_path / "q.ndjson", tmp_path / "q.unfinished"
    fill(broker.url, QUEUE, numbered(3_000))
    tally = Tally()

    def fail(_seen: int) -> None:
        raise WarrenError("the disk is full")

    tally.on_seen = fail  # behind the first piece
    with CaptureFile.open(path, note=note) as file, pytest.raises(WarrenError, match="the disk is full"):
        drain_to_file(connection, QUEUE, file, tally)

    written = len(path.read_text().splitlines())
    assert 0 < written < 3_000
    plain.wait_depth(QUEUE, 3_000 - written)
    assert not note.exists()  # so what is the same to the last byte is another message


def test_a_lost_connection_ends_it_and_doubles_only_what_was_under_way(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    fill(broker.url, QUEUE, numbered(3_000))
    url = broker.url.replace(f":{broker.node.port}/", ":{port}/")
    tally = Tally()

    with Gate(broker.node.port) as gate, open_connection(settings_of(url.format(port=gate.port)), "cut") as connection:
        tally.on_seen = lambda _seen: gate.cut() if tally.seen > 1_000 else None
        with pytest.raises(BrokerUnavailable, match="connection was lost"):
            drain_to_queue(connection, QUEUE, OTHER, tally)

    everything = {body for _, body in numbered(3_000)}
    there = bodies(content_of(broker.url, OTHER))
    wait_until(lambda: everything <= {*there, *bodies(content_of(broker.url, QUEUE))}, interval=0.5)
    left = bodies(content_of(broker.url, QUEUE))
    assert len(there) == len(set(there))
    assert len(set(there) & set(left)) <= 2_000 + WINDOW


def test_what_takes_long_is_given_back_and_taken_again_and_each_message_is_seen_once(
    broker: BrokerUnderTest, connection: Connection, plain: PlainPika
) -> None:
    fill(broker.url, QUEUE, numbered(400))
    seen: list[bytes] = []

    with Sweep(connection, QUEUE, longest=0.0) as sweep:
        for piece in sweep.pieces(150):
            seen += [held.body for held in piece]
            sweep.ack(held.tag for held in piece if held.body[-2] in b"05")

    assert seen == [body for _, body in numbered(400)]
    left = [body for _, body in numbered(400) if body[-2] not in b"05"]
    assert sorted(bodies(content_of(broker.url, QUEUE))) == sorted(left)
