"""Publishing: bodies of all sizes, properties, and what is checked before a message is routed.

Not here: where it goes (routing.py), what the publisher is told (returns.py).
"""

from __future__ import annotations

from typing import Any

from tests.differential.raw.channel import Channel
from tests.differential.raw.values import Typed
from tests.differential.script import Script, each, scenario


@scenario
def a_missing_exchange_closes_the_channel(ch: Channel) -> None:
    ch.publish("missing", "key")
    ch.closed()


@scenario
def a_missing_exchange_is_found_out_though_immediate_is_not_implemented(ch: Channel) -> None:
    ch.publish("missing", "key", immediate=True)
    ch.closed()


@scenario
def immediate_is_not_implemented(ch: Channel) -> None:
    ch.queue("q")
    ch.publish("", "q", immediate=True)
    ch.closed()


@each(0, 1, 4088, 131064, 131065, 300000)
def bodies_of_many_sizes(ch: Channel, size: int) -> None:
    ch.queue("q")
    ch.put("q", bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    ch.get("q")


@scenario
def a_body_is_split_to_the_frames_of_the_consumer(s: Script, ch: Channel) -> None:
    ch.queue("q")
    ch.put("q", b"x" * 10000)
    s.connect(tune=(2047, 4096, 0)).channel().get("q")


@scenario
def all_properties_come_through(ch: Channel) -> None:
    ch.queue("q")
    every = {tag: Typed(tag, 1) for tag in "bBsuIil"} | {
        "f": Typed("f", 1.5),
        "T": Typed("T", 5),
        "t": False,
        "V": None,
        "x": b"\xff\0",
    }
    ch.put(
        "q",
        content_type="text/plain",
        content_encoding="gzip",
        headers=every | {"d": -1.5, "A": [1, "a", [True]], "F": {"deep": {"er": 1}}, "D": Typed("D", (2, 5))},
        delivery_mode=2,
        priority=3,
        correlation_id="c",
        reply_to="r",
        expiration="100000",
        message_id="m",
        timestamp=5,
        type="t",
        user_id="guest",
        app_id="a",
        cluster_id="cluster",
    )
    ch.get("q")


@each(
    {},
    {"delivery_mode": 1},
    {"delivery_mode": 0},
    {"delivery_mode": 3},
    {"priority": 255},
    {"headers": {}},
    {"type": ""},
)
def odd_properties_come_through(ch: Channel, properties: dict[str, Any]) -> None:
    ch.queue("q")
    ch.put("q", **properties)
    ch.get("q")


@each("guest", "", "other")
def the_user_id_is_checked(ch: Channel, user: str) -> None:
    ch.queue("q")
    ch.publish("", "q", user_id=user)
    ch.sync("q")
    ch.get("q")


@each("100000", "", "-1", "abc", "1.5", " 5", "5 ", "4294967296", "315360000000", "315360000001", "+50000", "0x5")
def the_expiration_is_checked(ch: Channel, expiration: str) -> None:
    ch.queue("q")
    ch.publish("", "q", expiration=expiration)
    ch.sync("q")
    ch.get("q")
