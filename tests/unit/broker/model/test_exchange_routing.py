"""Where messages go: types that look at the routing key or at nothing, exchanges behind exchanges, copies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.routing_stage import RoutingStage, message
from warren.broker.model.vhost import REJECTED, UNROUTABLE
from warren.broker.protocol import properties
from warren.broker.protocol.fields import Int32
from warren.broker.replies import ChannelClosed


@pytest.fixture
def stage() -> RoutingStage:
    stage = RoutingStage()
    stage.queues("a", "b", "c")
    return stage


def test_the_default_exchange_leads_to_the_queue_of_that_name(stage: RoutingStage) -> None:
    assert stage.send("", "b") == ["b"]
    assert stage.send("", "missing") == []


def test_a_direct_exchange_compares_the_whole_key(stage: RoutingStage) -> None:
    stage.bind("amq.direct", "a", "k")
    stage.bind("amq.direct", "b", "k")
    stage.bind("amq.direct", "c", "k.x")
    assert stage.send("amq.direct", "k") == ["a", "b"]
    assert stage.send("amq.direct", "K") == []


def test_a_fanout_exchange_compares_nothing(stage: RoutingStage) -> None:
    stage.bind("amq.fanout", "a", "k")
    stage.bind("amq.fanout", "b")
    assert stage.send("amq.fanout", "whatever") == ["a", "b"]


def test_a_queue_gets_a_message_once_however_often_it_is_bound(stage: RoutingStage) -> None:
    stage.bind("amq.topic", "a", "x.#")
    stage.bind("amq.topic", "a", "#.y")
    stage.bind("amq.topic", "a", "x.y")
    stage.exchange("fan", "fanout")
    stage.chain("amq.topic", "fan", "x.*")
    stage.bind("fan", "a")
    assert stage.send("amq.topic", "x.y") == ["a"]


def test_bindings_that_differ_in_arguments_only_are_two(stage: RoutingStage) -> None:
    for arguments in ({}, {"n": Int32(1)}, {"n": 1}, {"n": Int32(1)}):
        stage.bind("amq.direct", "a", "k", arguments)
    assert len(stage.vhost.bindings) == 3
    stage.unbind("amq.direct", "a", "k")
    stage.unbind("amq.direct", "a", "k", {"n": 1})
    assert stage.send("amq.direct", "k") == ["a"]
    stage.unbind("amq.direct", "a", "k", {"n": Int32(1)})
    assert stage.send("amq.direct", "k") == []


def test_every_change_counts_for_the_next_message(stage: RoutingStage) -> None:
    assert stage.send("amq.direct", "k") == []
    stage.bind("amq.direct", "a", "k")
    assert stage.send("amq.direct", "k") == ["a"]
    stage.unbind("amq.direct", "a", "k")
    assert stage.send("amq.direct", "k") == []
    assert stage.send("", "new") == []
    stage.queues("new")
    assert stage.send("", "new") == ["new"]
    stage.vhost.delete_queue("new")
    assert stage.send("", "new") == []


def test_routes_do_not_pile_up(stage: RoutingStage) -> None:
    stage.bind("amq.topic", "a", "#")
    for number in range(20_000):
        stage.vhost.route(message("amq.topic", f"key.{number}"))
    assert len(stage.vhost._router.routes) <= 8192


# -- through several exchanges ------------------------------------------------------------


def test_a_message_passes_from_exchange_to_exchange(stage: RoutingStage) -> None:
    stage.exchange("first")
    stage.exchange("second", "topic")
    stage.chain("first", "second", "k.1")
    stage.bind("second", "a", "k.*")
    stage.bind("second", "b", "other")
    assert stage.send("first", "k.1") == ["a"]
    assert stage.send("first", "k.2") == []


def test_a_circle_of_exchanges_is_gone_round_once(stage: RoutingStage) -> None:
    for name in ("x", "y"):
        stage.exchange(name, "fanout")
    for source, destination in (("x", "y"), ("y", "x"), ("x", "x")):
        stage.chain(source, destination)
    stage.bind("x", "a")
    stage.bind("y", "b")
    assert stage.send("x") == ["a", "b"]
    assert stage.send("y") == ["a", "b"]


def test_the_alternate_exchange_gets_what_passes_no_binding(stage: RoutingStage) -> None:
    stage.exchange("other", "fanout")
    stage.bind("other", "a")
    stage.exchange("e", arguments={"alternate-exchange": "other"})
    stage.bind("e", "b", "k")
    assert stage.send("e", "k") == ["b"]
    assert stage.send("e", "z") == ["a"]


def test_a_binding_to_an_exchange_without_queues_is_enough_to_pass_by_the_alternate(stage: RoutingStage) -> None:
    stage.bind("amq.fanout", "a")
    stage.exchange("e", arguments={"alternate-exchange": "amq.fanout"})
    stage.exchange("empty")
    stage.chain("e", "empty", "k")
    assert stage.send("e", "k") == []


def test_an_exchange_in_the_middle_has_its_alternate_too(stage: RoutingStage) -> None:
    stage.bind("amq.fanout", "a")
    stage.exchange("middle", arguments={"alternate-exchange": "amq.fanout"})
    stage.exchange("e")
    stage.chain("e", "middle", "k")
    assert stage.send("e", "k") == ["a"]


def test_alternates_that_are_missing_or_go_in_circles_lead_nowhere(stage: RoutingStage) -> None:
    stage.exchange("e", arguments={"alternate-exchange": "missing"})
    stage.exchange("own", arguments={"alternate-exchange": "own"})
    stage.exchange("x", arguments={"alternate-exchange": "y"})
    stage.exchange("y", arguments={"alternate-exchange": "x"})
    assert [stage.send(name) for name in ("e", "own", "x")] == [[], [], []]
    stage.exchange("missing", "fanout")
    stage.bind("missing", "a")
    assert stage.send("e") == ["a"]


def test_an_exchange_that_is_not_there_leads_nowhere(stage: RoutingStage) -> None:
    assert stage.vhost.route(message("missing")) == ()


# -- copies -------------------------------------------------------------------------------


def test_cc_and_bcc_are_further_routing_keys(stage: RoutingStage) -> None:
    assert stage.send("", "a", {"CC": ["b", "b", "a"], "BCC": ["c"]}) == ["a", "b", "c"]
    assert stage.send("", "missing", {"CC": ["b"]}) == ["b"]
    stage.bind("amq.topic", "a", "x.*")
    stage.bind("amq.topic", "b", "y.#")
    assert stage.send("amq.topic", "q", {"CC": ["y.1", "x.1", "x.2"]}) == ["a", "b"]


def test_copies_are_not_remembered_for_other_messages(stage: RoutingStage) -> None:
    assert stage.send("", "a", {"CC": ["b"]}) == ["a", "b"]
    assert stage.send("", "a") == ["a"]
    assert stage.send("", "a", {"CC": ["c"]}) == ["a", "c"]


def test_what_is_no_text_in_the_copies_is_passed_over(stage: RoutingStage) -> None:
    assert stage.send("", "a", {"CC": ["b", b"c", 1]}) == ["a", "b"]


def test_a_receiver_sees_cc_but_not_bcc(stage: RoutingStage) -> None:
    sent = message("", "a", {"CC": ["b"], "BCC": ["c"], "other": "x"})
    stage.vhost.publish(sent)
    assert properties.headers(sent.header or b"") == {"CC": ["b"], "other": "x"}


@pytest.mark.parametrize(
    ("headers", "wrong"),
    [({"CC": "b"}, '"CC",longstr'), ({"BCC": Int32(1)}, '"BCC",signedint'), ({"CC": None}, '"CC",void')],
)
def test_copies_must_be_an_array(stage: RoutingStage, headers: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ChannelClosed) as caught:
        stage.send("amq.fanout", "a", headers)
    assert caught.value.text == f"PRECONDITION_FAILED - invalid message: {{unacceptable_type_in_header,{wrong}}}"


def test_a_value_that_only_looks_like_copies_changes_nothing(stage: RoutingStage) -> None:
    assert stage.send("", "a", {"ACCOUNT": "CC", "x": ["BCC"]}) == ["a"]


# -- what publish tells -------------------------------------------------------------------


def test_publish_tells_whether_anybody_took_the_message(stage: RoutingStage) -> None:
    stage.queues("full", arguments={"x-max-length": Int32(0), "x-overflow": "reject-publish"})
    for name in ("a", "full"):
        stage.bind("amq.fanout", name)
    assert stage.vhost.publish(message("", "missing")) == UNROUTABLE
    assert stage.vhost.publish(message("", "full")) == REJECTED
    assert stage.vhost.publish(message("", "a")) == 0
    assert stage.vhost.publish(message("amq.fanout")) == REJECTED
    assert stage.taken() == ["a", "a"]


def test_storage_keeps_a_persistent_message_for_its_durable_queues(stage: RoutingStage) -> None:
    stage.queues("d1", "d2", durable=True)
    for name in ("a", "d1", "d2"):
        stage.bind("amq.fanout", name)
    sent = message("amq.fanout")
    assert stage.vhost.publish(sent) == 1
    assert stage.vhost.publish(message("", "d1")) == 2
    assert stage.vhost.publish(message("", "a")) == 0
    sent.persistent = False
    assert stage.vhost.publish(sent) == 0
    assert [queues for _, queues in stage.storage.published] == [("d1", "d2"), ("d1",)]


def test_an_exchange_counts_what_came_in_and_went_out(stage: RoutingStage) -> None:
    for name in ("a", "b"):
        stage.bind("amq.fanout", name)
    for _ in range(3):
        stage.send("amq.fanout")
    exchange = stage.vhost.exchange("amq.fanout")
    assert (exchange.published_in, exchange.published_out) == (3, 6)


class Asker:
    """The channel of a direct reply-to consumer."""

    def __init__(self) -> None:
        self.heard: list[bytes | None] = []

    def deliver_reply(self, reply: Any) -> None:
        self.heard.append(reply.body)


def test_a_reply_goes_to_the_one_who_asked_while_it_is_there(stage: RoutingStage) -> None:
    asker = Asker()
    stage.node.reply_to["token"] = asker  # all that a reply needs
    reply = message("", "amq.rabbitmq.reply-to.token", body=b"answer")
    assert stage.vhost.publish(reply) == 0
    assert asker.heard == [b"answer"]
    del stage.node.reply_to["token"]
    assert stage.vhost.publish(reply) == UNROUTABLE
