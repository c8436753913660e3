"""Every message that can be built is read back equal, whatever its field types."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Literal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from warren.contracts.envelope import decode, encode
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message

NOW = 1_700_000_000.25


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Line(BaseModel):
    sku: str
    price: Decimal
    tags: frozenset[str] = frozenset()


class Everything(Message, routing_key="everything"):
    number: int
    ratio: float
    text: str
    flag: bool
    raw: bytes
    amount: Decimal
    moment: datetime
    day: date
    clock: time
    span: timedelta
    key: UUID
    colour: Colour
    level: Level
    kind: Literal["a", "b"]
    lines: list[Line]
    by_name: dict[str, int]
    pair: tuple[int, str]
    unique: set[int]
    choice: int | str | None
    default: Decimal = Decimal("1.50")


def zones() -> st.SearchStrategy[object]:
    minutes = st.integers(-23 * 60, 23 * 60)
    from datetime import timezone

    return st.one_of(st.none(), st.just(UTC), minutes.map(lambda m: timezone(timedelta(minutes=m))))


decimals = st.decimals(allow_nan=False, allow_infinity=False)
lines = st.builds(Line, sku=st.text(), price=decimals, tags=st.frozensets(st.text(max_size=5), max_size=3))
everything = st.builds(
    Everything,
    number=st.integers(),
    ratio=st.floats(allow_nan=False, allow_infinity=False),
    text=st.text(),
    flag=st.booleans(),
    raw=st.binary(),
    amount=decimals,
    moment=st.datetimes(timezones=zones()),
    day=st.dates(),
    clock=st.times(),
    span=st.timedeltas(),
    key=st.uuids(),
    colour=st.sampled_from(Colour),
    level=st.sampled_from(Level),
    kind=st.sampled_from(["a", "b"]),
    lines=st.lists(lines, max_size=3),
    by_name=st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    pair=st.tuples(st.integers(), st.text()),
    unique=st.sets(st.integers(), max_size=3),
    choice=st.one_of(st.none(), st.integers(), st.text()),
)


@given(everything)
def test_a_message_is_read_back_as_it_was(message: Everything) -> None:
    outgoing = encode(message, now=NOW)

    assert decode(Contracts.of(Everything), outgoing.properties, outgoing.body) == message
