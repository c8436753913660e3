"""Which queues a message reaches: the four types of exchanges, CC and BCC, the default exchange.

Not here: what is checked on publishing (publishing.py), alternate exchanges (returns.py), bindings between exchanges
(exchanges.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.raw.values import Typed
from tests.differential.script import each, scenario


@scenario
def the_default_exchange_routes_by_the_name_of_the_queue(ch: Channel) -> None:
    for name in ("a", "b"):
        ch.queue(name)
    ch.publish("", "a")
    ch.sync("a", "b")
    ch.get("a")
    ch.get("b")


@scenario
def a_fanout_does_not_look_at_the_key(ch: Channel) -> None:
    ch.queue("q")
    ch.bind("q", "amq.fanout", "a")
    ch.bind("q", "amq.fanout", "b")
    ch.publish("amq.fanout", "c")
    ch.holds("q", 1)


@scenario
def a_direct_exchange_reaches_all_queues_of_the_key(ch: Channel) -> None:
    for name in ("a", "b", "c"):
        ch.queue(name)
        ch.bind(name, "amq.direct", "key" if name < "c" else "other")
    ch.publish("amq.direct", "key")
    for name in ("a", "b"):
        ch.take(name)
    ch.get("c")


PATTERNS = (
    "#", "*", "", "a", "a.b", "a.b.c", "a.*", "*.b", "a.#", "#.b", "a.#.c", "*.*", "*.#", "#.*", "#.#", "a.*.c",
    "a.#.b.#", "*.b.*", ".", "..", ".a", "a.", "a..b", "a.*.b", "#.a.#", "a#", "*a", "**", "##", "a.#.#.b", "*.#.*",
)  # fmt: skip
KEYS = (
    "",
    "a",
    "b",
    "a.b",
    "a.b.c",
    "a.c",
    ".",
    "..",
    ".a",
    "a.",
    "a..b",
    "a.b.b",
    "a.x.b.c",
    "#",
    "*",
    "a#",
    "*a",
    "a.*",
)


@each(*PATTERNS)
def a_topic_pattern(ch: Channel, pattern: str) -> None:
    ch.queue("q")
    ch.bind("q", "amq.topic", pattern)
    for key in KEYS:
        ch.publish("amq.topic", key, key.encode())
    ch.sync("q")
    while (got := ch.get("q", no_ack=True)) and got.name == "basic.get-ok":
        pass


@scenario
def overlapping_topic_patterns_deliver_once(ch: Channel) -> None:
    ch.queue("q")
    for pattern in ("a.*", "a.#", "#", "*.b"):
        ch.bind("q", "amq.topic", pattern)
    ch.publish("amq.topic", "a.b")
    ch.holds("q", 1)
    for pattern in ("a.*", "#"):
        ch.unbind("q", "amq.topic", pattern)
    ch.publish("amq.topic", "a.b")
    ch.holds("q", 2)
    for pattern in ("a.#", "*.b"):
        ch.unbind("q", "amq.topic", pattern)
    ch.publish("amq.topic", "a.b", mandatory=True)
    ch.returned()


# -- headers ------------------------------------------------------------------------------

HEADERS: tuple[dict[str, Any], ...] = (
    {}, {"a": 1}, {"a": 1, "b": "two"}, {"a": "1", "b": "two"}, {"a": 1.0}, {"a": Typed("l", 1)}, {"a": Typed("b", 1)},
    {"b": "two"}, {"a": None}, {"x-c": "3"}, {"a": 1, "x-c": "3"}, {"a": 1, "b": "two", "x-c": "3"}, {"a": True},
    {"b": "two", "c": 3}, {"a": {"deep": 1}}, {"x-c": "4"},
)  # fmt: skip


@each(
    {},
    {"a": 1},
    {"a": 1, "b": "two"},
    {"x-match": "all"},
    {"x-match": "any"},
    {"x-match": "all", "a": 1, "b": "two"},
    {"x-match": "any", "a": 1, "b": "two"},
    {"x-match": "all", "a": None},
    {"x-match": "any", "a": None, "b": "none"},
    {"x-match": "all", "x-c": "3"},
    {"x-match": "any", "x-c": "3"},
    {"x-match": "all-with-x", "a": 1, "x-c": "3"},
    {"x-match": "any-with-x", "b": "other", "x-c": "3"},
    {"x-match": "all-with-x", "x-c": "3"},
    {"x-match": "all-with-x"},
    {"x-match": "any-with-x"},
    {"x-match": "all", "a": {"deep": 1}},
    {"x-match": "all", "a": 1.0},
    {"x-match": "all", "a": Typed("l", 1)},
    {"x-match": "all", "a": True},
)
def a_headers_binding(ch: Channel, arguments: dict[str, Any]) -> None:
    ch.queue("q")
    ch.bind("q", "amq.headers", "not-looked-at", args=arguments)
    for number, headers in enumerate(HEADERS):
        ch.publish("amq.headers", str(number), headers=headers)
    ch.publish("amq.headers", "none at all")
    ch.sync("q")
    while (got := ch.get("q", no_ack=True)) and got.name == "basic.get-ok":
        pass


@each("none", "", "ALL", 5, True, b"all", None, {})
def x_match_is_checked(ch: Channel, value: Any) -> None:
    ch.queue("q")
    ch.bind("q", "amq.headers", args={"x-match": value, "a": 1})


@scenario
def headers_bindings_between_exchanges(ch: Channel) -> None:
    ch.exchange("h", "headers")
    ch.exchange("f", "fanout")
    ch.queue("q")
    ch.bind("q", "f")
    ch.bind_exchange("f", "h", args={"x-match": "any", "a": 1})
    ch.bind_exchange("f", "h", args={"x-match": "nonsense"})


# -- CC and BCC ---------------------------------------------------------------------------


@each("CC", "BCC")
def copies_go_to_more_keys(ch: Channel, header: str) -> None:
    for name in ("a", "b", "c"):
        ch.queue(name)
    ch.publish("", "a", headers={header: ["b", "c", "a", "missing"], "other": 1})
    for name in ("a", "b", "c"):
        ch.take(name)


@scenario
def CC_stays_and_BCC_goes(ch: Channel) -> None:
    for name in ("a", "b"):
        ch.queue(name)
    ch.publish("", "nowhere", headers={"CC": ["a"], "BCC": ["b"]}, mandatory=True)
    for name in ("a", "b"):
        ch.take(name)


@scenario
def CC_alone_is_a_route(ch: Channel) -> None:
    ch.publish("", "nowhere", headers={"CC": ["elsewhere"]}, mandatory=True)
    ch.returned()


@each(*((header, value) for header in ("CC", "BCC") for value in ("text", 5, [5], ["ok", 5], [], {}, None)))
def copies_are_checked(ch: Channel, header: str, value: Any) -> None:
    ch.queue("q")
    ch.publish("", "q", headers={header: value})
    ch.sync("q")
    ch.get("q")


@scenario
def CC_on_a_topic_exchange(ch: Channel) -> None:
    for name, pattern in (("a", "a.#"), ("b", "b.*")):
        ch.queue(name)
        ch.bind(name, "amq.topic", pattern)
    ch.publish("amq.topic", "a.x", headers={"CC": ["b.y", "b.z"]})
    for name in ("a", "b"):
        ch.holds(name, 1)
