"""Policies: what they apply to, what wins, and what RabbitMQ 4.0.5 refuses."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.routing_stage import RoutingStage
from warren.broker.model.policy import InvalidPolicy, Policies, Policy, parse_policy


def policies(*ordinary: Policy, operator: tuple[Policy, ...] = ()) -> Policies:
    found = Policies()
    found.ordinary.update({policy.name: policy for policy in ordinary})
    found.operator.update({policy.name: policy for policy in operator})
    return found


def limit(name: str, length: int, **options: Any) -> Policy:
    return Policy(**{"name": name, "pattern": "", "definition": {"max-length": length}, **options})


@pytest.mark.parametrize(
    ("apply_to", "kinds"),
    [
        ("queues", ["classic", "quorum"]),
        ("classic_queues", ["classic"]),
        ("quorum_queues", ["quorum"]),
        ("streams", []),
        ("exchanges", ["exchange"]),
        ("all", ["exchange", "classic", "quorum"]),
    ],
)
def test_a_policy_is_for_some_kinds_of_things(apply_to: str, kinds: list[str]) -> None:
    policy = limit("p", 1, apply_to=apply_to)
    assert [kind for kind in ("exchange", "classic", "quorum") if policy.covers(kind, "x")] == kinds


@pytest.mark.parametrize(
    ("setting", "kinds"),
    [
        ("max-length", ["exchange", "classic", "quorum"]),
        ("delivery-limit", ["exchange", "quorum"]),
        ("dead-letter-strategy", ["exchange", "quorum"]),
        ("queue-mode", ["exchange", "classic"]),
        ("initial-cluster-size", ["exchange"]),
    ],
)
def test_a_policy_is_not_for_queues_that_do_not_know_its_settings(setting: str, kinds: list[str]) -> None:
    policy = Policy(name="p", pattern="", definition={setting: 1})
    assert [kind for kind in ("exchange", "classic", "quorum") if policy.covers(kind, "x")] == kinds


def test_a_pattern_may_match_anywhere_in_the_name() -> None:
    policy = limit("p", 1, pattern="b$")
    assert policy.covers("classic", "ab")
    assert not policy.covers("classic", "ba")


def test_the_highest_priority_wins_then_the_last_name() -> None:
    assert policies().effective("classic", "x") is None
    found = policies(limit("pp", 5), limit("aa", 6), limit("zz", 7))
    assert found.effective("classic", "x") == {"max-length": 7}
    found = policies(limit("pp", 5, priority=1), limit("zz", 7, priority=-1))
    assert found.effective("classic", "x") == {"max-length": 5}


def test_an_operator_policy_lowers_limits_and_adds_settings() -> None:
    ordinary = Policy(name="p", pattern="", definition={"max-length": 9, "overflow": "reject-publish"})
    operator = Policy(name="o", pattern="", definition={"max-length": 3, "expires": 5, "overflow": "drop-head"})
    found = policies(ordinary, operator=(operator,))
    assert found.effective("classic", "x") == {"max-length": 3, "overflow": "drop-head", "expires": 5}
    assert policies(operator=(limit("o", 3),)).effective("classic", "x") == {"max-length": 3}
    assert policies(limit("p", 2), operator=(limit("o", 3),)).effective("classic", "x") == {"max-length": 2}


def test_a_policy_acts_on_what_is_there_and_on_what_comes() -> None:
    stage = RoutingStage()
    stage.queues("q1", "other")
    stage.exchange("e1")
    stage.vhost.set_policy(Policy(name="p", pattern="1$", definition={"max-length": 3, "alternate-exchange": "a"}))
    stage.queues("new1")
    stage.exchange("own1", arguments={"alternate-exchange": "mine"})
    lengths = {name: queue.settings.max_length for name, queue in stage.vhost.queues.items()}
    assert lengths == {"q1": 3, "other": None, "new1": 3}
    assert [stage.vhost.exchange(name).alternate for name in ("e1", "own1", "amq.topic")] == ["a", "mine", None]
    stage.vhost.delete_policy("p")
    assert stage.vhost.queues["q1"].settings.max_length is None
    assert stage.vhost.exchange("e1").alternate is None


def test_an_alternate_exchange_given_by_policy_counts_for_the_next_message() -> None:
    stage = RoutingStage()
    stage.queues("q")
    stage.bind("amq.fanout", "q")
    assert stage.send("amq.direct", "k") == []
    stage.vhost.set_policy(Policy(name="p", pattern="direct", definition={"alternate-exchange": "amq.fanout"}))
    assert stage.send("amq.direct", "k") == ["q"]


def test_the_default_exchange_has_no_alternate_exchange() -> None:
    stage = RoutingStage()
    stage.queues("q")
    stage.bind("amq.fanout", "q")
    stage.vhost.set_policy(Policy(name="p", pattern="", definition={"alternate-exchange": "amq.fanout"}))
    assert stage.send("", "missing") == []


# -- what is refused ----------------------------------------------------------------------


def refusal(fields: dict[str, Any], *, operator: bool = False) -> str:
    with pytest.raises(InvalidPolicy) as caught:
        parse_policy("p", fields, operator=operator)
    return str(caught.value)


def invalid(reason: str) -> str:
    return f"Validation failed\n\n{reason}\n"


def test_a_policy_is_read_with_its_defaults() -> None:
    policy = parse_policy("p", {"pattern": "^x", "definition": {"max-length": 5}, "more": 1}, operator=False)
    assert policy == Policy(name="p", pattern="^x", definition={"max-length": 5}, priority=0, apply_to="all")
    assert policy.as_json() == {
        "name": "p",
        "pattern": "^x",
        "apply-to": "all",
        "definition": {"max-length": 5},
        "priority": 0,
    }


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"definition": {"max-length": 5}}, "[{key_missing,pattern}]"),
        ({"pattern": "x"}, "[{key_missing,definition}]"),
        ({"definition": {}, "pattern": "x"}, invalid("no policy provided")),
        ({"pattern": 1, "definition": {"max-length": 5}}, invalid("pattern should be a binary but was 1")),
        (
            {"pattern": "x", "definition": {"max-length": 5}, "priority": "7"},
            invalid('priority should be a number, actually was <<"7">>'),
        ),
        (
            {"pattern": "x", "definition": {"nosuch": 5, "aa": "v"}},
            invalid('[{<<"aa">>,<<"v">>},{<<"nosuch">>,5}] are not recognised policy settings'),
        ),
        (
            {"pattern": "x", "definition": {"max-length": 5}, "apply-to": "foo"},
            invalid(
                "apply-to 'foo' unrecognised; should be one of: 'queues', 'classic_queues',  'quorum_queues',"
                " 'streams', 'exchanges', or 'all'"
            ),
        ),
    ],
)
def test_fields_that_are_wrong(fields: dict[str, Any], text: str) -> None:
    assert refusal(fields) == text


def test_a_pattern_must_be_a_regular_expression() -> None:
    assert "pattern should be regular expression but is invalid: {" in refusal(
        {"pattern": "(", "definition": {"max-length": 5}}
    )


@pytest.mark.parametrize(
    ("setting", "value", "reason"),
    [
        ("max-length", "a", '<<"a">> is not a valid maximum length'),
        ("max-length", -1, "-1 is not a valid maximum length"),
        ("max-length", 1.5, "1.5 is not a valid maximum length"),
        ("max-length", None, "null is not a valid maximum length"),
        ("max-length", True, "true is not a valid maximum length"),
        ("max-length", [1], "[1] is not a valid maximum length"),
        ("max-length", {"a": 1}, '#{<<"a">> => 1} is not a valid maximum length'),
        ("max-length-bytes", "a", '<<"a">> is not a valid maximum length in bytes'),
        ("message-ttl", -1, "-1 is not a valid message TTL"),
        ("expires", 0, "0 is not a valid queue expiry"),
        ("dead-letter-exchange", 1, "1 is not a valid dead letter exchange name"),
        ("dead-letter-routing-key", 1, "1 is not a valid dead letter routing key"),
        ("dead-letter-strategy", "x", '<<"x">> is not a valid dead letter strategy'),
        ("alternate-exchange", 1, "1 is not a valid alternate exchange name"),
        ("overflow", "x", '<<"x">> is not a valid overflow value'),
        ("queue-mode", "x", '<<"x">> is not a valid queue-mode value'),
        ("queue-version", 3, "3 is not a valid queue-version value"),
        ("consumer-timeout", "a", '<<"a">> is not a valid consumer timeout'),
        ("queue-leader-locator", "x", '<<"x">> is not a valid queue leader locator value'),
        ("target-group-size", "x", '<<"x">> is not a valid qq target count value'),
    ],
)
def test_values_that_are_wrong(setting: str, value: Any, reason: str) -> None:
    assert refusal({"pattern": "x", "definition": {setting: value}}) == invalid(reason)


def test_an_operator_policy_may_only_limit() -> None:
    parse_policy("o", {"pattern": "x", "definition": {"max-length": 5, "overflow": "drop-head"}}, operator=True)
    assert refusal({"pattern": "x", "definition": {"dead-letter-exchange": "x"}}, operator=True) == invalid(
        '[{<<"dead-letter-exchange">>,<<"x">>}] are not recognised policy settings'
    )
