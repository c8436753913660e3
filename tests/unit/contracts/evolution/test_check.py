"""The lock of an application against its code: versions that come and go, places, limits, remarks, and the file.

Not here: changes of one contract's fields (`test_compare_pairs.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field, PlainSerializer, computed_field, create_model

from warren import ConfigurationError, Exchange, Message, SecretText, upcaster
from warren.contracts.evolution.check import Report, check
from warren.contracts.evolution.findings import Mode
from warren.contracts.evolution.lock import Lock
from warren.contracts.evolution.notes import renamed
from warren.contracts.evolution.schemas import schema_of_reading

orders = Exchange("orders", "topic")


class First(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int


class Second(Message, exchange=orders, routing_key="orders.created", version=2):
    order_id: str


class Upcasting(Message, exchange=orders, routing_key="orders.created", version=2):
    order_id: str


upcaster(Upcasting, from_version=1)(lambda body: {"order_id": str(body["order_id"])})


def lock(*published: type[Message], **consumers: tuple[type[Message], ...]) -> Lock:
    return Lock.of("shop", published=published, consumers=consumers)


def told(report: Report) -> list[tuple[str, int, str, str]]:
    return [(str(one.direction), one.version, one.field, one.change) for one in report.breaking]


# -- versions -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", Mode)
def test_nothing_changed_is_compatible(mode: Mode) -> None:
    report = check(lock(First, billing=(First,)), lock(First, billing=(First,)), mode)
    assert (report.findings, report.is_stale) == ((), False)


@pytest.mark.parametrize("reading", [(First, Second), (Upcasting,), (First, Upcasting)])
def test_a_new_version_is_compatible_where_the_old_one_is_still_read_and_published(
    reading: tuple[type[Message], ...],
) -> None:
    report = check(lock(First, billing=(First,)), lock(First, billing=reading), Mode.FULL)
    assert report.is_compatible
    assert report.is_stale


def test_a_version_that_is_no_longer_read_is_told_with_its_consumer() -> None:
    report = check(lock(billing=(First,), audit=(First,)), lock(billing=(Second,), audit=(First,)), Mode.BACKWARD)
    assert told(report) == [("backward", 1, "", "no longer read by billing")]
    assert "@upcaster(…, from_version=1)" in report.breaking[0].advice
    assert check(lock(billing=(First,)), lock(billing=(Second,)), Mode.FORWARD).is_compatible


def test_taking_an_upcaster_away_is_told() -> None:
    report = check(lock(billing=(Upcasting,)), lock(billing=(Second,)), Mode.FULL)
    assert told(report) == [("backward", 1, "", "no longer read by billing")]


def test_taking_a_consumer_away_is_told() -> None:
    report = check(lock(First, billing=(First,)), lock(First), Mode.FULL)
    assert told(report) == [("backward", 1, "", "no longer read by billing")]


def test_a_new_version_is_published_only_after_its_consumers_read_it() -> None:
    before, reading = lock(First, billing=(First,)), lock(First, billing=(Upcasting,))
    publishing = lock(Upcasting, billing=(Upcasting,))
    assert told(check(before, publishing, Mode.FORWARD)) == [
        ("forward", 2, "", "a new version is published, which billing did not read")
    ]
    assert check(before, publishing, Mode.BACKWARD).is_compatible
    assert check(before, reading, Mode.FULL).is_compatible
    assert check(reading, publishing, Mode.FULL).is_compatible


def test_where_no_consumer_is_known_a_new_version_is_a_remark() -> None:
    report = check(lock(First), lock(First, Second), Mode.FULL)
    assert report.is_compatible
    assert [one.change for one in report.findings] == ["a new version is published"]


def test_a_message_of_a_new_type_breaks_nobody() -> None:
    class Other(Message, routing_key="other"):
        x: int

    assert check(lock(First), lock(First, Other, billing=(Other,)), Mode.FULL).findings == ()


def test_what_is_no_longer_published_is_a_remark() -> None:
    report = check(lock(First), lock(), Mode.FULL)
    assert report.is_compatible
    assert [one.change for one in report.findings] == ["no longer published"]


# -- places, sizes and remarks ------------------------------------------------------------


def variant(name: str = "Order", version: int = 1, **options: Any) -> type[Message]:
    keywords = {"exchange": orders, "routing_key": "orders.created", "type": "orders.created", "version": version}
    return type(name, (Message,), {"__annotations__": {"order_id": int}}, **{**keywords, **options})


@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"routing_key": "orders.new"}, "published to orders, orders.created → orders, orders.new"),
        ({"exchange": ""}, "published to orders, orders.created → the default exchange, orders.created"),
        ({"headers": {"a": 1}}, "published to orders, orders.created → orders, orders.created with headers"),
    ],
)
def test_another_place_breaks_the_consumers_that_are_bound_to_the_old_one(options: dict[str, Any], change: str) -> None:
    old, new = lock(variant()), lock(variant(**options))
    assert told(check(old, new, Mode.FULL)) == [("forward", 1, "", change)]
    assert check(old, new, Mode.BACKWARD).is_compatible


@pytest.mark.parametrize(
    ("old", "new", "direction"),
    [(None, 10, "backward"), (20, 10, "backward"), (10, 20, "forward"), (10, None, "forward"), (10, 10, None)],
)
def test_a_limit_of_size_breaks_whoever_has_the_lower_one(old: int | None, new: int | None, direction: str) -> None:
    report = check(lock(variant(max_size=old)), lock(variant(max_size=new)), Mode.FULL)
    assert [one[0] for one in told(report)] == ([direction] if direction else [])


def with_fields(**fields: Any) -> type[Message]:
    model = create_model("Order", __base__=Message, __cls_kwargs__={"type": "orders.created"}, **fields)
    assert issubclass(model, Message)
    return model


def test_defaults_and_fields_that_are_ignored_from_now_on_are_remarks() -> None:
    class OldLine(BaseModel):
        price: int = 0
        note: str = ""

    class Line(BaseModel):
        price: int = 1

    report = check(
        lock(with_fields(lines=(list[OldLine], []))), lock(with_fields(lines=(list[Line] | None, []))), Mode.BACKWARD
    )
    assert report.is_compatible
    assert [(one.field, one.change) for one in report.findings] == [
        ("lines[].note", "removed: what producers send in it is ignored"),
        ("lines[].price", "default 0 → 1"),
    ]


def test_a_field_that_seems_renamed_is_told_how_to_keep_its_name() -> None:
    old, new = lock(with_fields(order_id=(int, ...))), lock(with_fields(number=(int, ...)))
    report = check(old, new, Mode.FULL)
    assert told(report) == [
        ("backward", 1, "number", "added as required"),
        ("forward", 1, "order_id", "removed"),
    ]
    for one in report.breaking:
        assert one.advice.endswith('keep the name on the wire: number: … = Field(alias="order_id")')


def test_only_one_field_for_one_of_the_same_type_is_taken_for_renamed() -> None:
    old = schema_of_reading(with_fields(a=(int, ...), b=(str, ...), c=(bool, ...)))
    new = schema_of_reading(with_fields(d=(int, ...), e=(str, ...), f=(str, ...)))
    assert renamed(old, new) == {"d": "a"}


def test_the_words_name_old_and_new_in_both_directions() -> None:
    old, new = lock(with_fields(x=(Literal["a", "b"], ...))), lock(with_fields(x=(Literal["b", "c"], ...)))
    changes = {str(one.direction): one.change for one in check(old, new, Mode.FULL).breaking}
    assert changes == {"backward": 'no longer allowed: "a"', "forward": 'newly allowed: "c"'}
    old, new = lock(with_fields(x=(int, Field(ge=0)))), lock(with_fields(x=(str, Field(max_length=3))))
    assert {one.change for one in check(old, new, Mode.FULL).breaking} == {"integer ≥ 0 → string at most 3 long"}
    old, new = lock(with_fields(x=(int, ...))), lock(with_fields(x=(int | None, ...)))
    assert [one.change for one in check(old, new, Mode.FULL).breaking] == ["integer → integer or null"]


# -- what schemas do not say by themselves ------------------------------------------------


def test_what_a_contract_never_read_of_itself_is_not_held_against_a_change() -> None:
    odd = PlainSerializer(lambda value: value, return_type=Any)
    old = with_fields(x=(int, ...), secret=(SecretText, ...), odd=(Any, odd))
    new = with_fields(x=(int, ...), secret=(SecretText, ...), odd=(Any, odd), y=(int, 0))
    assert check(lock(old), lock(new), Mode.FULL).findings == ()


@pytest.mark.parametrize("options", [{"return_type": str}, {}], ids=["said", "not said"])
def test_a_serializer_that_came_breaks_consumers(options: dict[str, Any]) -> None:
    """What it returns is compared where it is said; else it may be anything."""
    written = Annotated[int, PlainSerializer(lambda value: str(value), **options)]
    old, new = lock(with_fields(x=(int, ...))), lock(with_fields(x=(written, ...)))
    assert [(str(one.direction), one.field) for one in check(old, new, Mode.FULL).breaking] == [("forward", "x")]
    assert check(new, new, Mode.FULL).is_compatible


def test_a_secret_is_compared_as_the_text_it_is() -> None:
    plain, secret = lock(with_fields(x=(str, ...))), lock(with_fields(x=(SecretText, ...)))
    assert check(plain, secret, Mode.FULL).is_compatible
    assert check(secret, plain, Mode.FULL).is_compatible


def test_what_warren_writes_beside_the_fields_is_refused_where_unknown_fields_are_forbidden() -> None:
    class Open(Message, type="orders.created"):
        x: int

        @computed_field
        def double(self) -> int:
            return self.x * 2

    class Closed(Message, type="orders.created", extra="forbid"):
        x: int

    assert told(check(lock(Closed), lock(Open), Mode.FORWARD)) == [
        ("forward", 1, "double", "added (integer), which was forbidden")
    ]


def test_a_recursive_contract_is_compared_to_its_end() -> None:
    class Node(BaseModel):
        name: str
        parent: Node | None = None
        children: list[Node] = []

    class Labelled(BaseModel):
        name: str
        label: str
        parent: Labelled | None = None
        children: list[Labelled] = []

    Node.model_rebuild()
    Labelled.model_rebuild()
    report = check(lock(with_fields(tree=(Node, ...))), lock(with_fields(tree=(Labelled, ...))), Mode.BACKWARD)
    assert [one[2] for one in told(report)] == ["tree.label"]


def test_a_renamed_class_is_no_change() -> None:
    assert check(lock(variant("Before")), lock(variant("After")), Mode.FULL).is_compatible


def test_two_classes_of_one_version_are_each_compared_with_their_own() -> None:
    full, part = with_fields(x=(int, ...), y=(int, ...)), variant("Part", type="orders.created")
    both = lock(full, billing=(part,))
    assert check(both, both, Mode.FULL).findings == ()


def test_a_class_that_comes_beside_another_need_only_read_or_send_what_it_is_used_for() -> None:
    full = with_fields(x=(int, ...), y=(int, ...))
    part = variant("Part", exchange="", routing_key="")
    assert part.__warren__.type == full.__warren__.type
    before = lock(full, billing=(full,))
    reads_less = create_model("Less", __base__=Message, __cls_kwargs__={"type": "orders.created"}, x=(int, ...))
    assert check(before, lock(full, billing=(full,), audit=(reads_less,)), Mode.FULL).is_compatible
    assert told(check(before, lock(full, billing=(full,), audit=(part,)), Mode.FULL)) == [
        ("backward", 1, "order_id", "added as required")
    ]
    assert told(check(before, lock(full, reads_less, billing=(full,)), Mode.FULL)) == [("forward", 1, "y", "removed")]


# -- the file -----------------------------------------------------------------------------


class Everything(Message, exchange=orders, routing_key="everything", headers={"a": 1}, max_size=1000):
    x: int = Field(ge=1, description="a number")
    y: dict[int, set[str]] = Field(default_factory=dict)
    z: float = Field(0.5, validation_alias=AliasChoices("z", "old"))


def test_a_lock_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = lock(Everything, First, billing=(Everything, Upcasting))
    path = tmp_path / "contracts.lock.json"
    written.save(path)
    assert Lock.load(path) == written
    assert path.read_text() == Lock.load(path).text()
    assert list(tmp_path.iterdir()) == [path]


def test_the_order_of_declarations_changes_no_byte() -> None:
    assert (
        lock(First, Everything, a=(First, Second), b=(Second,)).text()
        == lock(Everything, First, b=(Second,), a=(Second, First)).text()
    )


def garbled(change: Callable[[dict[str, Any]], Any]) -> str:
    value = json.loads(lock(First).text())
    changed = change(value)
    return json.dumps(value if changed is None else changed)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<<<<<<< HEAD\n{}", "is no JSON .*; restore it from version control"),
        ("[]", "is no lock of contracts that this version reads"),
        ('{"format": 2}', "is no lock of contracts that this version reads"),
        (garbled(lambda value: value.pop("contracts") and None), "is not whole"),
        (garbled(lambda value: value["contracts"][0].pop("reads") and None), "is not whole"),
        (garbled(lambda value: value["contracts"][0].update(version="x")), "is not whole"),
    ],
    ids=["conflict", "no object", "other format", "no contracts", "no schema", "no version"],
)
def test_a_file_that_is_no_lock_says_what_to_do(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "contracts.lock.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=says):
        Lock.load(path)


def test_a_file_that_is_missing_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="write it with `warren contracts lock` and commit it"):
        Lock.load(tmp_path / "contracts.lock.json")


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot write .*: No such file or directory"):
        lock(First).save(tmp_path / "none" / "contracts.lock.json")


def test_a_field_without_a_schema_is_named() -> None:
    class Odd(Message, type="odd"):
        x: Callable[[int], int]

    with pytest.raises(ConfigurationError, match=r"Odd has no JSON Schema: .*WithJsonSchema"):
        lock(Odd)
