"""The verdict on each kind of change, in each mode, and that really reading messages agrees with it.

Not here: changes that nobody thought of (`test_compare_agrees_with_reading.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BaseModel,
    Discriminator,
    Field,
    StringConstraints,
    create_model,
)

from warren import ContractError, Message
from warren.contracts.envelope import decode
from warren.contracts.evolution.check import check
from warren.contracts.evolution.findings import Finding, Mode
from warren.contracts.evolution.lock import Lock
from warren.contracts.lookup import Contracts
from warren.contracts.properties import Properties

Fields = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A change, and what breaks: the fields in each direction, None where nothing does.

    `sent_before` and `sent_after` are bodies a producer may send before and after; each is really read by the other
    side, and at least one is refused exactly where the verdict says that something breaks.
    """

    name: str
    old: Fields
    new: Fields
    backward: str | None
    forward: str | None
    sent_before: tuple[str, ...]
    sent_after: tuple[str, ...]
    options: tuple[dict[str, Any], dict[str, Any]] = ({}, {})


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class MoreSizes(Enum):
    SMALL = "s"
    LARGE = "l"
    HUGE = "xl"


class OldLine(BaseModel):
    sku: str
    price: int


class NewLine(BaseModel):
    sku: str
    price: str


class WiderLine(BaseModel):
    sku: str
    price: float


class LongerLine(OldLine):
    amount: int


class ClosedLine(OldLine, extra="forbid"):
    pass


class Card(BaseModel):
    kind: Literal["card"] = "card"
    number: str


class Bank(BaseModel):
    kind: Literal["bank"] = "bank"
    iban: str


class Cash(BaseModel):
    kind: Literal["cash"] = "cash"
    till: int


class CardWithCode(Card):
    code: int


def is_even(value: int) -> int:
    if value % 2:
        raise ValueError("odd")
    return value


Tagged = Annotated[Card | Bank, Discriminator("kind")]
MoreTagged = Annotated[Card | Bank | Cash, Discriminator("kind")]
CodeTagged = Annotated[CardWithCode | Bank, Discriminator("kind")]
CARD, BANK, CASH = '{"kind":"card","number":"4"}', '{"kind":"bank","iban":"D"}', '{"kind":"cash","till":1}'


def one(kind: Any, default: Any = ...) -> Fields:
    return {"x": (kind, default)}


def x(*values: str) -> tuple[str, ...]:
    return tuple(f'{{"x":{value}}}' for value in values)


A = one(int)
LINE, NEW_LINE, WIDER_LINE = '{"sku":"a","price":1}', '{"sku":"a","price":"1"}', '{"sku":"a","price":1.5}'
LONGER_LINE = '{"sku":"a","price":1,"amount":1}'
TEXT, LONG_TEXT = '"ab"', '"abcdef"'
FORBID = {"extra": "forbid"}
INT1, STR1 = x("1"), x('"1"')
AND_Y = '{"x":1,"y":2}'

PAIRS = [
    # fields that come and go
    Pair("nothing", A, A, None, None, INT1, INT1),
    Pair("added optional", A, {**A, "y": (int, 0)}, None, None, INT1, (AND_Y, *INT1)),
    Pair("added nullable with default", A, {**A, "y": (int | None, None)}, None, None, INT1, ('{"x":1,"y":null}',)),
    Pair("added nullable without default", A, {**A, "y": (int | None, ...)}, "y", None, INT1, ('{"x":1,"y":null}',)),
    Pair("added required", A, {**A, "y": (int, ...)}, "y", None, INT1, (AND_Y,)),
    Pair("removed required", {**A, "y": (int, ...)}, A, None, "y", (AND_Y,), INT1),
    Pair("removed optional", {**A, "y": (int, 0)}, A, None, None, (AND_Y, *INT1), INT1),
    Pair("renamed required", A, {"z": (int, ...)}, "z", "x", INT1, ('{"z":1}',)),
    Pair("renamed optional", one(int, 0), {"z": (int, 0)}, None, None, INT1, ('{"z":1}',)),
    Pair("optional made required", one(int, 0), A, "x", None, ("{}", *INT1), INT1),
    Pair("required made optional", A, one(int, 0), None, "x", INT1, ("{}", *INT1)),
    Pair("default changed", one(int, 0), one(int, 1), None, None, ("{}", *INT1), ("{}", *INT1)),
    Pair("default factory", one(int, 0), {"x": (int, Field(default_factory=int))}, None, None, ("{}",), ("{}",)),
    # types
    Pair("text for a number", A, one(str), "x", "x", INT1, STR1),
    Pair("integer widened to number", A, one(float), None, "x", INT1, x("1.5")),
    Pair("number narrowed to integer", one(float), A, "x", None, x("1.5"), INT1),
    Pair("nullable", A, one(int | None), None, "x", INT1, x("null", "1")),
    Pair("no longer nullable", one(int | None), A, "x", None, x("null", "1"), INT1),
    Pair("union grown", A, one(int | str), None, "x", INT1, x("1", '"a"')),
    Pair("union shrunk", one(int | str), A, "x", None, x("1", '"a"'), INT1),
    Pair("union in another order", one(int | str), one(str | int), None, None, x("1", '"a"'), x("1", '"a"')),
    Pair("anything", A, one(Any), None, "x", INT1, x("[]")),
    Pair("a boolean is no integer", one(bool), A, "x", "x", x("true"), INT1),
    Pair("decimal for an integer", A, one(Decimal), None, "x", INT1, x('"1.5"')),
    Pair("text for a decimal", one(Decimal), one(str), "x", "x", x("1.5"), x('"a"')),
    # lists of values
    Pair("enum grown", one(Size), one(MoreSizes), None, "x", x('"s"'), x('"xl"')),
    Pair("enum shrunk", one(MoreSizes), one(Size), "x", None, x('"xl"'), x('"s"')),
    Pair("enum for its literals", one(Size), one(Literal["l", "s"]), None, None, x('"s"', '"l"'), x('"s"', '"l"')),
    Pair("enum opened to text", one(Size), one(str), None, "x", x('"s"'), x('"other"')),
    Pair("text closed to an enum", one(str), one(Size), "x", None, x('"other"'), x('"s"')),
    Pair("literal grown", one(Literal[1]), one(Literal[1, 2]), None, "x", INT1, x("2")),
    # constraints
    Pair(
        "minimum raised", one(Annotated[int, Field(ge=0)]), one(Annotated[int, Field(ge=5)]), "x", None, x("0"), x("5")
    ),
    Pair(
        "same bound, otherwise said",
        one(Annotated[int, Field(ge=1)]),
        one(Annotated[int, Field(gt=0)]),
        None,
        None,
        INT1,
        INT1,
    ),
    Pair("maximum removed", one(Annotated[int, Field(le=5)]), A, None, "x", x("5"), x("6")),
    Pair(
        "longer text",
        one(Annotated[str, Field(max_length=2)]),
        one(Annotated[str, Field(max_length=6)]),
        None,
        "x",
        x(TEXT),
        x(LONG_TEXT),
    ),
    Pair("shorter text", one(str), one(Annotated[str, Field(max_length=2)]), "x", None, x(LONG_TEXT), x(TEXT)),
    Pair("pattern added", one(str), one(Annotated[str, Field(pattern="^a")]), "x", None, x('"b"'), x('"a"')),
    Pair(
        "values within a pattern",
        one(Literal["ab"]),
        one(Annotated[str, Field(pattern="^a")]),
        None,
        "x",
        x('"ab"'),
        x('"ac"'),
    ),
    Pair(
        "multiple of less",
        one(Annotated[int, Field(multiple_of=4)]),
        one(Annotated[int, Field(multiple_of=2)]),
        None,
        "x",
        x("4"),
        x("2"),
    ),
    Pair(
        "more digits",
        one(Annotated[Decimal, Field(max_digits=3)]),
        one(Annotated[Decimal, Field(max_digits=5)]),
        None,
        "x",
        x('"123"'),
        x('"12345"'),
    ),
    Pair(
        "a digit less before the point",
        one(Annotated[Decimal, Field(max_digits=5, decimal_places=1)]),
        one(Annotated[Decimal, Field(max_digits=5, decimal_places=2)]),
        "x",
        "x",
        x('"1234.5"'),
        x('"123.45"'),
    ),
    Pair(
        "bound no longer included",
        one(Annotated[float, Field(ge=1)]),
        one(Annotated[float, Field(gt=1)]),
        "x",
        None,
        x("1.0"),
        x("1.5"),
    ),
    Pair("text that looks like the number", one(Literal[1]), one(Literal["1"]), "x", "x", INT1, STR1),
    Pair(
        "strips and wants something",
        one(Annotated[str, Field(min_length=1)]),
        one(Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]),
        "x",
        None,
        x('" "'),
        x('"a"'),
    ),
    Pair("validator added", A, one(Annotated[int, AfterValidator(is_even)]), "x", None, INT1, x("2")),
    Pair("validator removed", one(Annotated[int, AfterValidator(is_even)]), A, None, "x", x("2"), INT1),
    # forms of text
    Pair("date written as text", one(str), one(date), "x", None, x('"a"'), x('"2026-11-23"')),
    Pair("date for a time", one(datetime), one(date), "x", "x", x('"2026-11-23T10:00:00Z"'), x('"2026-11-23"')),
    Pair(
        "zone demanded",
        one(datetime),
        one(AwareDatetime),
        "x",
        None,
        x('"2026-11-23T10:00:00"'),
        x('"2026-11-23T10:00:00Z"'),
    ),
    Pair("id read as text", one(UUID), one(str), None, "x", x('"00000000-0000-4000-8000-000000000000"'), x('"a"')),
    # inside of others
    Pair(
        "nested type",
        one(list[OldLine]),
        one(list[NewLine]),
        "x[].price",
        "x[].price",
        x(f"[{LINE}]"),
        x(f"[{NEW_LINE}]"),
    ),
    Pair(
        "nested widened",
        one(dict[str, OldLine]),
        one(dict[str, WiderLine]),
        None,
        "x.*.price",
        x(f'{{"a":{LINE}}}'),
        x(f'{{"a":{WIDER_LINE}}}'),
    ),
    Pair("nested added required", one(OldLine), one(LongerLine), "x.amount", None, x(LINE), x(LONGER_LINE)),
    Pair("nested null", one(OldLine), one(OldLine | None), None, "x", x(LINE), x("null")),
    Pair("list for one", A, one(list[int]), "x", "x", INT1, x("[1]")),
    Pair("set for a list", one(list[int]), one(set[int]), None, None, x("[1,1]"), x("[1,2]")),
    Pair(
        "set of two for a list of two",
        one(Annotated[list[int], Field(min_length=2)]),
        one(Annotated[set[int], Field(min_length=2)]),
        "x",
        None,
        x("[1,1]"),
        x("[1,2]"),
    ),
    Pair(
        "list limited", one(list[int]), one(Annotated[list[int], Field(max_length=1)]), "x", None, x("[1,2]"), x("[1]")
    ),
    Pair("tuple longer", one(tuple[int, str]), one(tuple[int, str, int]), "x", "x", x('[1,"a"]'), x('[1,"a",2]')),
    Pair("tuple as list", one(tuple[int, int]), one(list[int]), None, "x", x("[1,2]"), x("[1]")),
    Pair("keys are numbers", one(dict[str, int]), one(dict[int, int]), "x", None, x('{"a":1}'), x('{"1":1}')),
    Pair("object as dictionary", one(OldLine), one(dict[str, int | str]), None, "x.sku x.price", x(LINE), x('{"a":1}')),
    # unions that are told apart
    Pair("member added", one(Tagged), one(MoreTagged), None, "x", x(CARD, BANK), x(CARD, CASH)),
    Pair("member removed", one(MoreTagged), one(Tagged), "x", None, x(CARD, CASH), x(CARD, BANK)),
    Pair(
        "member changed",
        one(Tagged),
        one(CodeTagged),
        "x.code",
        None,
        x(CARD),
        x('{"kind":"card","number":"4","code":1}'),
    ),
    Pair("tag demanded", one(Card | Bank), one(Tagged), "x.kind", None, x('{"number":"4"}'), x(CARD, BANK)),
    # names and unknown fields
    Pair("alias", A, {"total": (int, Field(alias="x"))}, None, None, INT1, INT1),
    Pair("alias changed", {"a": (int, Field(alias="x"))}, {"a": (int, Field(alias="y"))}, "y", "x", INT1, ('{"y":1}',)),
    Pair(
        "also read by its old name",
        A,
        {"y": (int, Field(validation_alias=AliasChoices("y", "x")))},
        None,
        "x",
        INT1,
        ('{"y":1}',),
    ),
    Pair(
        "no longer read by its old name",
        {"y": (int, Field(validation_alias=AliasChoices("y", "x")))},
        {"y": (int, ...)},
        "y",
        None,
        INT1,
        ('{"y":1}',),
    ),
    Pair("unknown forbidden", A, A, None, None, INT1, INT1, ({}, FORBID)),
    Pair("removed and forbidden", {**A, "y": (int, 0)}, A, "y", None, (AND_Y,), INT1, ({}, FORBID)),
    Pair("added where forbidden", A, {**A, "y": (int, 0)}, None, "y", INT1, (AND_Y,), (FORBID, FORBID)),
    Pair("nested forbidden", one(LongerLine), one(ClosedLine), "x.amount", "x.amount", x(LONGER_LINE), x(LINE)),
    Pair(
        "any field let through",
        A,
        {**A, "y": (int, 0)},
        "y",
        None,
        ('{"x":1,"y":"a"}',),
        (AND_Y,),
        ({"extra": "allow"}, {}),
    ),
]


def contract(fields: Fields, **options: Any) -> type[Message]:
    base = type("Base", (Message,), {}, **options)
    model = create_model("Changed", __base__=base, __cls_kwargs__={"type": "things.changed"}, **fields)
    assert issubclass(model, Message)
    return model


def lock(message: type[Message]) -> Lock:
    return Lock.of("shop", published=[message], consumers={"things": [message]})


def found(pair: Pair, mode: Mode) -> tuple[Finding, ...]:
    old, new = contract(pair.old, **pair.options[0]), contract(pair.new, **pair.options[1])
    return check(lock(old), lock(new), mode).breaking


def expected(pair: Pair, mode: Mode) -> set[tuple[Mode, str]]:
    fields = {Mode.BACKWARD: pair.backward, Mode.FORWARD: pair.forward}
    return {(each, field) for each, named in fields.items() if mode.covers(each) for field in (named or "").split()}


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name.replace(" ", "-"))
def test_each_change_is_judged_in_each_mode(pair: Pair, mode: Mode) -> None:
    told = found(pair, mode)
    assert {(one.direction, one.field) for one in told} == expected(pair, mode)
    assert all(one.change and one.advice and one.because for one in told)
    assert {one.breaks for one in told} <= {"producers", "consumers"}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name.replace(" ", "-"))
def test_each_verdict_is_what_reading_really_does(pair: Pair) -> None:
    old, new = contract(pair.old, **pair.options[0]), contract(pair.new, **pair.options[1])
    for bodies, writer in ((pair.sent_before, old), (pair.sent_after, new)):
        assert all(is_read(body, writer) for body in bodies if "amount" not in body), "a producer may not send that"
    assert all(is_read(body, new) for body in pair.sent_before) is (pair.backward is None)
    assert all(is_read(body, old) for body in pair.sent_after) is (pair.forward is None)


def is_read(body: str, message: type[Message]) -> bool:
    try:
        decode(Contracts.of(message), Properties(), body.encode())
    except ContractError:
        return False
    return True


def test_there_are_enough_pairs() -> None:
    assert len(PAIRS) >= 30
    assert len({pair.name for pair in PAIRS}) == len(PAIRS)
