"""What a commit does with messages that were routed when they were published."""

from __future__ import annotations

import pytest

from tests.support.broker_stage import Client, Stage, waiting
from warren.broker.model.message import Address
from warren.broker.model.transaction import Transaction
from warren.broker.replies import ChannelClosed

_NO_PROPERTIES = b"\0\0"


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def client(stage: Stage) -> Client:
    client = stage.client()
    client.channel.transaction = Transaction()
    return client


def publish(client: Client, *bodies: bytes, exchange: str = "", key: str = "q") -> None:
    for body in bodies:
        client.channel.publish(Address(exchange, key), _NO_PROPERTIES, body, mandatory=False)


def test_a_message_goes_where_its_publish_was_routed(stage: Stage, client: Client) -> None:
    bound, unbound = stage.queue("bound"), stage.queue("unbound")
    stage.vhost.bind("queue", "unbound", "amq.direct", "key")
    publish(client, b"1", exchange="amq.direct", key="key")
    stage.vhost.unbind("queue", "unbound", "amq.direct", "key")
    stage.vhost.bind("queue", "bound", "amq.direct", "key")
    client.channel.commit()
    assert (waiting(bound), waiting(unbound)) == ([], ["1"])


def test_a_queue_that_is_gone_fails_the_commit_for_itself_only(stage: Stage, client: Client) -> None:
    stage.queue("q")
    left = stage.queue("left")
    publish(client, b"1")
    publish(client, b"2", key="left")
    stage.vhost.delete_queue("q")
    anew = stage.queue("q")
    with pytest.raises(ChannelClosed, match="partial tx completion"):
        client.channel.commit()
    assert (waiting(left), waiting(anew)) == (["2"], [])


def test_a_full_queue_fails_the_commit_which_settles_all_the_same(stage: Stage, client: Client) -> None:
    queue = stage.queue(max_length=1, overflow="reject-publish")
    acked = stage.queue("acked")
    stage.publish("0", to="acked")
    client.get(acked)
    client.ack()
    publish(client, b"1", b"2")
    with pytest.raises(ChannelClosed, match="partial tx completion"):
        client.channel.commit()
    assert waiting(queue) == ["1"]
    assert client.channel.unacked == {}
    assert len(stage.storage.acknowledged) == 1
