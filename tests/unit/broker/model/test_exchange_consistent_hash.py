"""The consistent hash exchange: shares, steadiness, and what it refuses."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.support.routing_stage import RoutingStage, message
from warren.broker.replies import ChannelClosed

NAMES = ("a", "b", "c", "d")


@pytest.fixture
def stage() -> RoutingStage:
    stage = RoutingStage()
    stage.queues(*NAMES)
    return stage


def declare(stage: RoutingStage, *weights: int, **arguments: str) -> None:
    named = {name.replace("_", "-"): value for name, value in arguments.items()}
    stage.exchange("h", "x-consistent-hash", arguments=named)
    for name, weight in zip(NAMES, weights, strict=False):
        stage.bind("h", name, str(weight))


def where(stage: RoutingStage, count: int = 1000) -> list[str]:
    return [stage.vhost.route(message("h", str(number)))[0].name for number in range(count)]


def test_messages_are_shared_by_weight(stage: RoutingStage) -> None:
    declare(stage, 1, 2, 3, 4)
    shares = Counter(where(stage, 4000))
    assert [round(shares[name] / 400) for name in NAMES] == [1, 2, 3, 4]


def test_each_message_goes_to_one_queue_by_its_first_key(stage: RoutingStage) -> None:
    declare(stage, 1, 1, 1, 1)
    alone = stage.send("h", "1")
    assert len(alone) == 1
    assert stage.send("h", "1", {"CC": ["2", "3", "4"]}) == alone


def test_a_further_queue_takes_its_share_and_moves_nothing_else(stage: RoutingStage) -> None:
    declare(stage, 1, 1, 1)
    before = where(stage)
    stage.bind("h", "d", "1")
    after = where(stage)
    assert {there for here, there in zip(before, after, strict=True) if here != there} == {"d"}
    stage.unbind("h", "d", "1")
    assert where(stage) == before


def test_a_queue_bound_twice_has_the_share_of_its_first_binding(stage: RoutingStage) -> None:
    declare(stage, 1, 1)
    before = where(stage)
    stage.bind("h", "a", "100")
    assert where(stage) == before


def test_nothing_is_bound_nothing_is_routed(stage: RoutingStage) -> None:
    declare(stage)
    assert stage.send("h", "1") == []


def test_a_header_or_a_property_may_decide(stage: RoutingStage) -> None:
    declare(stage, 1, 1, 1, 1, hash_header="k")
    by_header = Counter(name for number in range(400) for name in stage.send("h", "same", {"k": number}))
    assert len(by_header) == 4
    assert len({name for number in range(20) for name in stage.send("h", str(number), {"other": number})}) == 1
    stage.vhost.delete_exchange("h")
    declare(stage, 1, 1, 1, 1, hash_property="message_id")
    assert len({stage.vhost.route(message("h", message_id=str(number)))[0].name for number in range(100)}) == 4
    assert len({stage.vhost.route(message("h", str(number)))[0].name for number in range(20)}) == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"hash-header": "k", "hash-property": "message_id"}, "hash-header and hash-property are mutually exclusive"),
        ({"hash-property": "nope"}, "Unsupported property: nope"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(stage: RoutingStage, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ChannelClosed) as caught:
        stage.exchange("h", "x-consistent-hash", arguments=arguments)
    assert caught.value.text == f"PRECONDITION_FAILED - {text}"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("x", 'The binding key must be an integer: <<"x">>'),
        ("", "The binding key must be an integer: <<>>"),
        ("1.5", 'The binding key must be an integer: <<"1.5">>'),
        ("٣", 'The binding key must be an integer: <<"٣"/utf8>>'),
        ("0", "The binding key must be greater than 0"),
        ("-1", "The binding key must be greater than 0"),
    ],
)
def test_a_binding_key_must_be_a_weight(stage: RoutingStage, key: str, text: str) -> None:
    declare(stage)
    with pytest.raises(ChannelClosed) as caught:
        stage.bind("h", "a", key)
    assert caught.value.text == f"PRECONDITION_FAILED - {text}"
