"""The headers exchange: which values RabbitMQ 4.0.5 takes for equal, and the four ways to match."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.routing_stage import RoutingStage
from warren.broker.protocol.fields import Float32, Int8, Int16, Int32, Timestamp, UInt8, UInt16, UInt32
from warren.broker.replies import ChannelClosed
from warren.broker.settings import Profile

INTEGERS = [Int8(1), UInt8(1), Int16(1), UInt16(1), Int32(1), UInt32(1), 1]
OTHERS = [1.0, True, Decimal(1), Decimal("1.0"), "1"]


@pytest.fixture
def stage() -> RoutingStage:
    stage = RoutingStage()
    stage.queues("q")
    return stage


def matches(stage: RoutingStage, arguments: dict[str, Any], headers: dict[str, Any] | None) -> bool:
    stage.bind("amq.headers", "q", "", arguments)
    is_match = stage.send("amq.headers", "", headers) == ["q"]
    stage.unbind("amq.headers", "q", "", arguments)
    return is_match


@pytest.mark.parametrize("wanted", INTEGERS)
def test_integers_are_equal_whatever_their_width_and_to_nothing_else(stage: RoutingStage, wanted: int) -> None:
    assert all(matches(stage, {"a": wanted}, {"a": value}) for value in INTEGERS)
    assert not any(matches(stage, {"a": wanted}, {"a": value}) for value in OTHERS)


@pytest.mark.parametrize("wanted", OTHERS, ids=repr)
def test_other_values_are_equal_to_their_like_only(stage: RoutingStage, wanted: Any) -> None:
    found = [value for value in [*INTEGERS, *OTHERS] if matches(stage, {"a": wanted}, {"a": value})]
    assert [(type(value), str(value)) for value in found] == [(type(wanted), str(wanted))]


@pytest.mark.parametrize(
    ("wanted", "value", "is_equal"),
    [
        ("x", b"x", True),
        (b"x", "x", True),
        ("true", True, False),
        (Float32(0.5), 0.5, True),
        (0.0, -0.0, False),
        (Timestamp(5000), Timestamp(5), True),
        (5000, Timestamp(5), True),
        (Timestamp(5), 5, True),
        (Timestamp(5), Timestamp(5), False),
        ([Int32(1)], [Int32(1)], True),
        ([Int32(1)], [1], False),
        ([Float32(0.5)], [0.5], False),
        (["x"], [b"x"], False),
        ([None], [Int32(1)], False),
        ([], {}, True),
        ({"x": 1, "y": 2}, {"x": 1, "y": 2}, True),
        ({"x": 1, "y": 2}, {"y": 2, "x": 1}, False),
        ({"x": Int32(1)}, {"x": 1}, False),
        ({"x": Timestamp(5)}, {"x": Timestamp(5)}, True),
        (None, "anything", True),
        (None, None, True),
        ("x", None, False),
    ],
    ids=repr,
)
def test_values_are_compared_as_rabbitmq_does(stage: RoutingStage, wanted: Any, value: Any, is_equal: bool) -> None:
    assert matches(stage, {"a": wanted}, {"a": value}) is is_equal


def test_in_rabbitmq_3_numbers_of_every_type_were_equal() -> None:
    stage = RoutingStage(profile=Profile.RABBITMQ_3_10)
    stage.queues("q")
    numbers = [*INTEGERS, 1.0, Float32(1.0), Timestamp(1)]
    assert all(matches(stage, {"a": wanted}, {"a": value}) for wanted in numbers for value in numbers)
    assert not any(matches(stage, {"a": 1}, {"a": value}) for value in (True, Decimal(1), "1"))
    assert matches(stage, {"a": "x"}, {"a": b"x"})


@pytest.mark.parametrize(
    ("arguments", "headers", "is_match"),
    [
        ({}, None, True),
        ({}, {"a": 1}, True),
        ({"x-match": "all"}, None, True),
        ({"x-match": "any"}, {"a": 1}, False),
        ({"x-match": "any-with-x"}, {}, False),
        ({"x-match": "all-with-x"}, {}, True),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, True),
        ({"a": 1, "b": 2}, {"b": 2}, False),
        ({"x-match": "any", "a": 1, "b": 2}, {"b": 2}, True),
        ({"x-match": "any", "a": 1, "b": 2}, {"c": 2}, False),
        ({"x-a": 1, "b": 2}, {"b": 2}, True),
        ({"x-match": "any", "x-a": 1}, {"x-a": 1}, False),
        ({"x-match": "all-with-x", "x-a": 1, "b": 2}, {"b": 2}, False),
        ({"x-match": "all-with-x", "x-a": 1}, {"x-a": 1}, True),
        ({"x-match": "any-with-x", "x-a": None, "b": 3}, {"x-a": 1}, True),
        ({"A": 1}, {"a": 1}, False),
        ({"CC": ["z"]}, {"CC": ["z"]}, True),
        ({"BCC": None}, {"BCC": ["z"]}, False),
    ],
    ids=repr,
)
def test_the_ways_to_match(
    stage: RoutingStage, arguments: dict[str, Any], headers: dict[str, Any] | None, is_match: bool
) -> None:
    assert matches(stage, arguments, headers) is is_match


@pytest.mark.parametrize(
    ("mode", "wrong"),
    [
        ("some", 'value <<"some">>; expected all, any, all-with-x, or any-with-x'),
        (Int32(1), "type signedint (value 1); expected longstr"),
        (True, "type bool (value true); expected longstr"),
        (None, "type void (value undefined); expected longstr"),
        (b"any", 'type binary (value <<"any">>); expected longstr'),
    ],
    ids=repr,
)
def test_an_unknown_way_to_match_is_refused(stage: RoutingStage, mode: Any, wrong: str) -> None:
    with pytest.raises(ChannelClosed) as caught:
        stage.bind("amq.headers", "q", "", {"x-match": mode})
    assert caught.value.text == f"PRECONDITION_FAILED - Invalid x-match field {wrong}"
    stage.unbind("amq.headers", "q", "", {"x-match": mode})


VALUES = st.sampled_from([None, 1, 2, "1", True])
TABLES = st.dictionaries(st.sampled_from(["a", "b", "x-c", "x-d"]), VALUES, max_size=4)
MODES = st.sampled_from(["all", "any", "all-with-x", "any-with-x"])


def naive(arguments: dict[str, Any], mode: str, headers: dict[str, Any]) -> bool:
    results = []
    for name, wanted in arguments.items():
        if name.startswith("x-") and not mode.endswith("-with-x"):
            continue
        same = name in headers and type(headers[name]) is type(wanted) and headers[name] == wanted
        results.append(same or (wanted is None and name in headers))
    return any(results) if mode.startswith("any") else all(results)


@given(bindings=st.lists(st.tuples(TABLES, MODES), max_size=6), headers=TABLES)
def test_bindings_match_what_the_rules_say(bindings: list[tuple[dict[str, Any], str]], headers: dict[str, Any]) -> None:
    stage = RoutingStage()
    expected = []
    for number, (arguments, mode) in enumerate(bindings):
        stage.queues(f"q{number}")
        stage.bind("amq.headers", f"q{number}", "", {**arguments, "x-match": mode})
        if naive(arguments, mode, headers):
            expected.append(f"q{number}")
    assert stage.send("amq.headers", "", headers) == expected
