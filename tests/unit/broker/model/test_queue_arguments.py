"""Arguments of queues: the replies are those of RabbitMQ 4.0.5, asked for each, and of 3.10.8 where it differs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.support.broker_stage import Stage
from warren.broker.model.arguments import check_declaration
from warren.broker.protocol.fields import Float32, Int8, Int16, Int32, Timestamp, UInt8, UInt16, UInt32
from warren.broker.replies import ChannelClosed
from warren.broker.settings import Profile

CLASSIC: dict[str, Any] = {}
QUORUM: dict[str, Any] = {"x-queue-type": "quorum"}


def refusal(
    arguments: dict[str, Any], *, name: str = "q", profile: Profile = Profile.RABBITMQ_4_0, **other: bool
) -> str:
    """Return why a queue is not made, without `PRECONDITION_FAILED - `, or an empty text."""
    properties = {"durable": True, "exclusive": False, "auto_delete": False, **other}
    try:
        check_declaration(name, "/", arguments, profile=profile, **properties)
    except ChannelClosed as refused:
        return refused.text.removeprefix("PRECONDITION_FAILED - ")
    return ""


# -- values -------------------------------------------------------------------------------

NUMBERS = ("x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes")


@pytest.mark.parametrize("base", [CLASSIC, QUORUM], ids=["classic", "quorum"])
@pytest.mark.parametrize("argument", NUMBERS)
@pytest.mark.parametrize("value", [5, Int8(5), UInt8(5), Int16(5), UInt16(5), Int32(5), UInt32(5)])
def test_integers_of_all_sizes_are_numbers(base: dict[str, Any], argument: str, value: int) -> None:
    assert refusal({**base, argument: value}) == ""


@pytest.mark.parametrize("argument", [*NUMBERS, "x-max-priority", "x-queue-version"])
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (Timestamp(5), "timestamp"),
        (Float32(5.0), "float"),
        (5.0, "double"),
        (Decimal("0.5"), "decimal"),
        (True, "bool"),
        ("5", "longstr"),
        (None, "void"),
        (b"5", "binary"),
        ({}, "table"),
        ([5], "array"),
    ],
)
def test_nothing_else_is_a_number(argument: str, value: object, kind: str) -> None:
    assert refusal({argument: value}) == (
        f"invalid arg '{argument}' for queue 'q' in vhost '/': \"expected integer, got {kind}\""
    )


@pytest.mark.parametrize(
    ("argument", "value", "problem"),
    [
        ("x-message-ttl", Int32(-1), "{value_negative,-1}"),
        ("x-message-ttl", 315_360_000_001, "{value_too_large,315360000001}"),
        ("x-expires", Int32(0), "{value_zero,0}"),
        ("x-expires", Int32(-1), "{value_negative,-1}"),
        ("x-expires", 1 << 40, "{value_too_large,1099511627776}"),
        ("x-max-length", Int32(-1), "{value_negative,-1}"),
        ("x-max-length-bytes", Int32(-1), "{value_negative,-1}"),
        ("x-max-priority", Int32(-1), "{value_negative,-1}"),
        ("x-max-priority", Int32(256), "{max_value_exceeded,256}"),
        ("x-queue-version", Int32(3), "\"unsupported queue version '3'\""),
        ("x-queue-mode", "nope", "\"unsupported queue mode 'nope'\""),
        ("x-queue-mode", Int32(1), "{unacceptable_type,signedint}"),
        ("x-queue-type", "nope", "\"unsupported queue type 'nope'\""),
        ("x-queue-type", "", "\"unsupported queue type ''\""),
        ("x-queue-type", Int32(1), "{unacceptable_type,signedint}"),
        ("x-overflow", "nope", "invalid_overflow"),
        ("x-overflow", True, "{unacceptable_type,bool}"),
        ("x-single-active-consumer", "true", "{unacceptable_type,longstr}"),
        ("x-single-active-consumer", Int32(1), "{unacceptable_type,signedint}"),
        ("x-queue-leader-locator", "nope", "invalid_queue_locator_arg"),
        ("x-dead-letter-routing-key", "key", "routing_key_but_no_dlx_defined"),
        ("x-dead-letter-routing-key", 1, "{unacceptable_type,long}"),
    ],
)
def test_values_are_refused(argument: str, value: object, problem: str) -> None:
    assert refusal({argument: value}) == f"invalid arg '{argument}' for queue 'q' in vhost '/': {problem}"


@pytest.mark.parametrize(
    ("argument", "value", "problem"),
    [
        ("x-dead-letter-strategy", "nope", "invalid_dlx_strategy"),
        ("x-dead-letter-strategy", None, "{unacceptable_type,void}"),
        ("x-quorum-initial-group-size", Int32(0), "{value_zero,0}"),
        ("x-max-in-memory-length", Int32(-1), "{value_negative,-1}"),
        ("x-max-in-memory-bytes", "1", '"expected integer, got longstr"'),
    ],
)
def test_values_are_refused_for_quorum_queues(argument: str, value: object, problem: str) -> None:
    assert refusal({**QUORUM, argument: value}) == f"invalid arg '{argument}' for queue 'q' in vhost '/': {problem}"


@pytest.mark.parametrize(
    "arguments",
    [
        {"x-message-ttl": 0},
        {"x-message-ttl": 315_360_000_000},
        {"x-max-priority": 255},
        {"x-queue-mode": "lazy"},
        {"x-queue-master-locator": "anything"},
        {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "k"},
        {"x-overflow": "reject-publish-dlx"},
        {"x-something": "else", "foo": [1]},
        {"x-consumer-timeout": "whatever"},
        {**QUORUM, "x-delivery-limit": "whatever"},
        {**QUORUM, "x-overflow": "reject-publish-dlx"},
        {**QUORUM, "x-dead-letter-strategy": "at-least-once"},
    ],
)
def test_what_rabbitmq_takes_is_taken(arguments: dict[str, Any]) -> None:
    assert refusal(arguments) == ""


def test_the_type_of_the_dead_letter_exchange_has_words_of_its_own() -> None:
    assert refusal({"x-dead-letter-exchange": Int32(1), "x-expires": -1}) == (
        "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'"
    )


# -- types and properties -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "argument", "kind"),
    [
        (CLASSIC, "x-delivery-limit", "classic"),
        (CLASSIC, "x-dead-letter-strategy", "classic"),
        (CLASSIC, "x-quorum-initial-group-size", "classic"),
        (CLASSIC, "x-max-in-memory-length", "classic"),
        (CLASSIC, "x-max-age", "classic"),
        (QUORUM, "x-max-priority", "quorum"),
        (QUORUM, "x-queue-mode", "quorum"),
        (QUORUM, "x-queue-master-locator", "quorum"),
        (QUORUM, "x-max-age", "quorum"),
    ],
)
def test_an_argument_of_another_type_is_refused_whatever_its_value(
    base: dict[str, Any], argument: str, kind: str
) -> None:
    expected = f"invalid arg '{argument}' for queue 'q' in vhost '/' of queue type rabbit_{kind}_queue"
    assert refusal({**base, argument: None}) == expected


def test_rabbitmq_3_10_knew_the_leader_locator_for_quorum_queues_only() -> None:
    arguments = {"x-queue-leader-locator": "balanced"}
    assert refusal(arguments) == ""
    assert refusal(arguments, profile=Profile.RABBITMQ_3_10) == (
        "invalid arg 'x-queue-leader-locator' for queue 'q' in vhost '/' of queue type rabbit_classic_queue"
    )


def test_the_first_failure_is_the_reply() -> None:
    wrong = {
        "x-initial-cluster-size": 1,
        "x-delivery-limit": 1,
        "x-single-active-consumer": 1,
        "x-max-length": "a",
        "x-message-ttl": -1,
        "x-expires": -1,
        "x-dead-letter-exchange": 1,
        "x-queue-type": 1,
    }
    order = []
    while wrong:
        argument = refusal(wrong).partition(" arg '")[2].partition("'")[0]
        order.append(argument)
        del wrong[argument]
    assert order == [
        "x-dead-letter-exchange",
        "x-queue-type",
        "x-expires",
        "x-message-ttl",
        "x-max-length",
        "x-single-active-consumer",
        "x-delivery-limit",
        "x-initial-cluster-size",
    ]


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"durable": False}, "non-durable"),
        ({"durable": False, "exclusive": True}, "exclusive-owner"),
        ({"durable": False, "exclusive": True, "auto_delete": True}, "auto-delete"),
    ],
)
def test_a_quorum_queue_is_durable_and_everybodys(options: dict[str, bool], what: str) -> None:
    assert refusal(QUORUM, **options) == f"invalid property '{what}' for queue 'q' in vhost '/'"
    assert refusal(CLASSIC, **options) == ""


def test_a_quorum_queue_is_named_by_its_client() -> None:
    assert refusal({**QUORUM, "x-max-length": "a"}, name="") == (
        "Cannot declare a server-named queue for type rabbit_quorum_queue"
    )


def test_streams_are_refused() -> None:
    assert refusal({"x-queue-type": "stream"}).endswith("\"unsupported queue type 'stream'\"")


# -- a queue that exists ------------------------------------------------------------------


def difference(
    first: dict[str, Any], second: dict[str, Any], *, profile: Profile = Profile.RABBITMQ_4_0, **options: bool
) -> str:
    """Return what a second declaration is told, from the argument on, or an empty text."""
    stage = Stage(profile=profile)
    stage.vhost.declare_queue("q", durable=True, arguments=first)
    try:
        stage.vhost.declare_queue("q", **{"durable": True, **options}, arguments=second)
    except ChannelClosed as refused:
        return refused.text.removeprefix("PRECONDITION_FAILED - inequivalent arg ")
    return ""


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"x-message-ttl": Int32(100)}, {}, "received none but current is the value '100' of type 'signedint'"),
        ({}, {"x-message-ttl": Int32(100)}, "received the value '100' of type 'signedint' but current is none"),
        ({"x-message-ttl": Int8(100)}, {"x-message-ttl": 101}, "received '101' but current is '100'"),
        ({"x-message-ttl": Int8(3)}, {"x-message-ttl": "3"}, "received '3' but current is '3'"),
        ({"x-message-ttl": Int8(3)}, {"x-message-ttl": 3.0}, "received '3.0' but current is '3'"),
        ({"x-message-ttl": Int8(3)}, {"x-message-ttl": None}, "received none but current is '3'"),
        ({}, {"x-message-ttl": None}, "received the value 'undefined' of type 'void' but current is none"),
        ({}, {"x-message-ttl": True}, "received the value 'true' of type 'bool' but current is none"),
        ({}, {"x-message-ttl": b"ab"}, "received the value 'ab' of type 'binary' but current is none"),
        ({}, {"x-message-ttl": Decimal("0.5")}, "received the value '{1,5}' of type 'decimal' but current is none"),
        (
            {},
            {"x-message-ttl": [Int32(1), "a"]},
            "received the value '[{signedint,1},{longstr,<<\"a\">>}]' of type 'array' but current is none",
        ),
        (
            {},
            {"x-message-ttl": {"a": Int32(1)}},
            "received the value '[{<<\"a\">>,signedint,1}]' of type 'table' but current is none",
        ),
    ],
)
def test_arguments_are_compared(first: dict[str, Any], second: dict[str, Any], expected: str) -> None:
    assert difference(first, second) == f"'x-message-ttl' for queue 'q' in vhost '/': {expected}"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"x-message-ttl": Int8(100)}, {"x-message-ttl": 100}),
        ({"foo": "bar"}, {"foo": 1}),
        ({}, {"x-consumer-timeout": 1}),
        ({}, {"x-delivery-limit": 1}),
        (QUORUM, {**QUORUM, "x-max-priority": 1}),
        (QUORUM, {**QUORUM, "x-quorum-target-group-size": 1}),
        ({}, {"x-queue-type": "classic"}),
        ({"x-queue-type": "classic"}, {}),
    ],
)
@pytest.mark.parametrize("profile", Profile)
def test_what_the_type_does_not_know_is_not_compared(
    first: dict[str, Any], second: dict[str, Any], profile: Profile
) -> None:
    assert difference(first, second, profile=profile) == ""


def test_the_type_is_compared() -> None:
    assert difference({}, QUORUM) == (
        "'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but current is 'classic'"
    )
    assert difference(QUORUM, {}, profile=Profile.RABBITMQ_3_10) == (
        "'x-queue-type' for queue 'q' in vhost '/': received none but current is the value 'quorum' of type 'longstr'"
    )


def test_properties_are_compared_before_arguments() -> None:
    arguments = {"x-message-ttl": 1}
    expected = "'durable' for queue 'q' in vhost '/': received 'false' but current is 'true'"
    assert difference({}, arguments, durable=False, auto_delete=True) == expected
    expected = "'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'"
    assert difference({}, arguments, auto_delete=True) == expected


def test_arguments_are_compared_in_the_order_of_the_type() -> None:
    several = {"x-message-ttl": 1, "x-expires": 1, "x-dead-letter-exchange": "", "x-max-length": 1}
    assert difference({}, several).startswith("'x-expires'")
    assert difference(QUORUM, {**QUORUM, **several}).startswith("'x-dead-letter-exchange'")
