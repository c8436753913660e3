"""The topic exchange: patterns of words, against a matcher that is too simple to be wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.routing_stage import RoutingStage, message
from warren.broker.model.bindings import Binding, Kind
from warren.broker.model.topic import TopicExchange

PATTERN_WORDS = st.sampled_from(["a", "b", "", "*", "#"])
KEY_WORDS = st.sampled_from(["a", "b", "c", ""])
PATTERNS = st.lists(PATTERN_WORDS, max_size=5).map(".".join)
KEYS = st.lists(KEY_WORDS, max_size=6).map(".".join)


class Place:
    """What a binding leads to."""

    def __init__(self, name: str) -> None:
        self.name = name


def binding(exchange: TopicExchange, pattern: str, name: str) -> Binding:
    return Binding(exchange, Kind.QUEUE, Place(name), pattern, {})  # all that it needs


def found(exchange: TopicExchange, key: str) -> set[str]:
    return {target.name for target in exchange.match([key], message("", key))}


def naive(pattern: str, key: str) -> bool:
    """Each word of key and pattern ends with a dot; `#` is any number of these words."""
    words = {"*": "[^.]*[.]", "#": "([^.]*[.])*"}
    expression = "".join(words.get(word, re.escape(word) + "[.]") for word in (pattern.split(".") if pattern else []))
    return re.fullmatch(expression, key + "." if key else "") is not None


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("", [""], [".", "a"]),
        ("*", ["a"], ["", "a.b"]),
        ("*.*", [".", "a.", "a.b"], ["a", ""]),
        ("#", ["", ".", "a", "a.b"], []),
        ("a.#", ["a", "a.", "a.b.c"], ["ab", "b"]),
        ("#.b", ["b", ".b", "x.y.b"], ["b.x", "xb"]),
        ("**.x", ["**.x"], ["q.x"]),
        ("#a.y", ["#a.y"], ["ba.y"]),
    ],
)
def test_patterns_match_as_in_rabbitmq(pattern: str, matching: list[str], others: list[str]) -> None:
    stage = RoutingStage()
    stage.queues("q")
    stage.bind("amq.topic", "q", pattern)
    assert [key for key in [*matching, *others] if stage.send("amq.topic", key)] == matching


@given(patterns=st.lists(PATTERNS, max_size=12), keys=st.lists(KEYS, max_size=12))
def test_the_trie_finds_what_a_regular_expression_finds(patterns: list[str], keys: list[str]) -> None:
    exchange = TopicExchange("t", "/")
    for pattern in set(patterns):
        exchange.bind(binding(exchange, pattern, pattern))
    for key in keys:
        assert found(exchange, key) == {pattern for pattern in patterns if naive(pattern, key)}


@given(patterns=st.lists(PATTERNS, min_size=1, max_size=12, unique=True), data=st.data())
def test_what_is_unbound_is_never_found_again_and_leaves_nothing_behind(
    patterns: list[str], data: st.DataObject
) -> None:
    exchange = TopicExchange("t", "/")
    bindings = [binding(exchange, pattern, pattern) for pattern in patterns]
    for one in bindings:
        exchange.bind(one)
    left = set(patterns)
    for one in data.draw(st.permutations(bindings)):
        exchange.unbind(one)
        left.remove(one.routing_key)
        key = data.draw(KEYS)
        assert found(exchange, key) == {pattern for pattern in left if naive(pattern, key)}
    assert exchange._root.is_empty


def test_many_wildcards_do_not_multiply() -> None:
    exchange = TopicExchange("t", "/")
    pattern = ".".join(["#", "a"] * 20)
    exchange.bind(binding(exchange, pattern, "q"))
    assert found(exchange, ".".join(["a"] * 200)) == {"q"}
    assert found(exchange, ".".join(["a"] * 19 + ["b"])) == set()
