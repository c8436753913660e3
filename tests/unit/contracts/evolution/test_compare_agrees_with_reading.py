"""No change is called compatible where a message that may be sent is refused: contracts and messages are generated.

Not here: the verdict on each kind of change (`test_compare_pairs.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from hypothesis import assume, event, given, settings
from hypothesis import strategies as st
from pydantic import AliasChoices, BaseModel, Discriminator, Field, StringConstraints, create_model

from warren import Message
from warren.contracts.envelope import decode, encode
from warren.contracts.evolution.check import check
from warren.contracts.evolution.findings import Mode
from warren.contracts.evolution.lock import Lock
from warren.contracts.lookup import Contracts
from warren.contracts.properties import Properties


@dataclass(frozen=True)
class Kind:
    """A type, and the JSON values a producer may send for it."""

    annotation: Any
    values: st.SearchStrategy[Any]


Kinds = st.SearchStrategy[Kind]
SMALL = st.integers(-3, 3)


# -- values of one type -------------------------------------------------------------------


@st.composite
def integers(draw: st.DrawFn) -> Kind:
    low, high = draw(st.none() | SMALL), draw(st.none() | SMALL)
    step = draw(st.sampled_from([None, None, 1, 2, 4]))
    assume(low is None or high is None or low <= high)
    values = st.integers(-6 if low is None else low, 6 if high is None else high)
    if draw(st.booleans()):
        bounds = {"gt": None if low is None else low - 1, "lt": None if high is None else high + 1}
    else:
        bounds = {"ge": low, "le": high}
    if step is not None:
        values = values.map(lambda value: value - value % step).filter(
            lambda value: (low is None or value >= low) and (high is None or value <= high)
        )
        assume(low is None or high is None or any(n % step == 0 for n in range(low, high + 1)))
    return Kind(Annotated[int, Field(multiple_of=step, **bounds)], values)


@st.composite
def numbers(draw: st.DrawFn) -> Kind:
    low = draw(st.none() | SMALL)
    is_open = draw(st.booleans())
    values = st.floats(low, 100, allow_nan=False, allow_infinity=False, exclude_min=is_open and low is not None)
    return Kind(Annotated[float, Field(**{"gt" if is_open else "ge": low})], values)


@st.composite
def decimals(draw: st.DrawFn) -> Kind:
    digits, places = draw(st.none() | st.integers(2, 5)), draw(st.none() | st.integers(0, 2))
    low = draw(st.none() | st.integers(0, 2))
    assume(digits is None or places is None or digits > places)  # else there is no 0
    whole = 10 ** ((digits or 5) - (places or 0)) - 1
    values = st.decimals(low or 0, whole, places=places or 0).filter(lambda d: digits is None or _digits(d) <= digits)
    as_json = values.map(str) | values.map(int)
    assume(low is None or low <= whole)
    return Kind(
        Annotated[Decimal, Field(max_digits=digits, decimal_places=places, ge=low)],
        as_json.filter(lambda value: low is None or Decimal(value) >= low),
    )


def _digits(value: Decimal) -> int:
    return len(value.as_tuple().digits)


@st.composite
def texts(draw: st.DrawFn) -> Kind:
    low, high = draw(st.none() | st.integers(0, 2)), draw(st.none() | st.integers(2, 4))
    pattern = draw(st.sampled_from([None, None, "^[ab]*$"]))
    strips = draw(st.sampled_from([None, None, True]))
    alphabet = "ab" if pattern else "ab \n\u00e4\U0001f600"
    made = Annotated[str, StringConstraints(min_length=low, max_length=high, pattern=pattern, strip_whitespace=strips)]
    values = st.text(alphabet, min_size=low or 0, max_size=6 if high is None else high)
    if strips and low:
        values = values.filter(lambda text: len(text.strip()) >= low)
    return Kind(made, values)


def literals() -> Kinds:
    pool = st.sampled_from(["a", "b", "ab", "abc", "2026-11-23", 1, 2, 3, 0, -1, True, None])
    return st.lists(pool, min_size=1, max_size=4, unique_by=repr).map(
        lambda values: Kind(Literal[tuple(values)], st.sampled_from(values))
    )


FIXED = st.sampled_from(
    [
        Kind(bool, st.booleans()),
        Kind(type(None), st.none()),
        Kind(date, st.dates().map(str)),
        Kind(datetime, st.datetimes().map(datetime.isoformat)),
        Kind(UUID, st.uuids().map(str)),
        Kind(Any, st.none() | st.booleans() | st.integers(0, 3) | st.just([]) | st.just({"a": 1})),
    ]
)
LEAVES = integers() | numbers() | texts() | literals() | FIXED | decimals()


# -- and of several -----------------------------------------------------------------------

KEYS = st.sampled_from(["a", "b", "c"])


@st.composite
def models(draw: st.DrawFn, inner: Kinds) -> Kind:
    fields = draw(st.dictionaries(KEYS, inner, min_size=1, max_size=3))
    optional = draw(st.sets(KEYS)) & set(fields)
    second = draw(st.sampled_from([None, None, "z"]))
    extra = draw(st.sampled_from(["ignore", "ignore", "forbid", "allow"]))
    made: dict[str, Any] = {}
    for name, kind in fields.items():
        options: dict[str, Any] = {"validation_alias": AliasChoices(name, second)} if second and name == "a" else {}
        default = {"default": None} if name in optional else {}
        annotation = kind.annotation | None if name in optional else kind.annotation
        made[name] = (annotation, Field(**options, **default))
    base = type("Base", (BaseModel,), {}, extra=extra)
    values = st.fixed_dictionaries(
        {name: kind.values for name, kind in fields.items() if name not in optional},
        optional={
            **{name: kind.values | st.none() for name, kind in fields.items() if name in optional},
            **({"extra": st.integers(0, 3) | st.text("ab", max_size=2)} if extra == "allow" else {}),
        },
    )
    return Kind(create_model("Inner", __base__=base, **made), values)


@st.composite
def tagged(draw: st.DrawFn, inner: Kinds) -> Kind:
    """A union told apart by `kind`, or the same not told apart."""
    tags = draw(st.sampled_from([["one", "two"], ["one", "two", "three"]]))
    is_tagged = draw(st.booleans())
    choices, values = [], []
    for tag in tags:
        kind = draw(inner)
        has_default = draw(st.booleans())
        field = (Literal[tag], tag) if has_default else (Literal[tag], ...)
        choices.append(create_model(tag.title(), kind=field, value=(kind.annotation, ...)))
        tag_value = st.just(tag)
        must = {"value": kind.values} if has_default and not is_tagged else {"value": kind.values, "kind": tag_value}
        values.append(st.fixed_dictionaries(must, optional={} if "kind" in must else {"kind": tag_value}))
    union = choices[0] | choices[1]
    for choice in choices[2:]:
        union |= choice
    return Kind(Annotated[union, Discriminator("kind")] if is_tagged else union, st.one_of(values))


@st.composite
def lists(draw: st.DrawFn, inner: Kinds) -> Kind:
    kind, low, high = draw(inner), draw(st.none() | st.integers(0, 2)), draw(st.none() | st.integers(2, 3))
    values = st.lists(kind.values, min_size=low or 0, max_size=3 if high is None else high)
    return Kind(Annotated[list[kind.annotation], Field(min_length=low, max_length=high)], values)


@st.composite
def sets(draw: st.DrawFn) -> Kind:
    low = draw(st.none() | st.integers(0, 2))
    values = st.lists(st.integers(0, 5), min_size=low or 0, max_size=4, unique=True)
    return Kind(Annotated[set[int], Field(min_length=low)], values)


@st.composite
def tuples(draw: st.DrawFn, inner: Kinds) -> Kind:
    kinds = draw(st.lists(inner, min_size=1, max_size=3))
    return Kind(tuple[tuple(kind.annotation for kind in kinds)], st.tuples(*(k.values for k in kinds)).map(list))


@st.composite
def dictionaries(draw: st.DrawFn, inner: Kinds) -> Kind:
    kind = draw(inner)
    keys, texts_of = draw(
        st.sampled_from([(str, KEYS), (int, SMALL.map(str)), (Literal["a", "b"], st.sampled_from(["a", "b"]))])
    )
    high = draw(st.none() | st.integers(0, 2))
    values = st.dictionaries(texts_of, kind.values, max_size=3 if high is None else high)
    return Kind(Annotated[dict[keys, kind.annotation], Field(max_length=high)], values)


@st.composite
def unions(draw: st.DrawFn, inner: Kinds) -> Kind:
    one, other = draw(inner), draw(inner)
    return Kind(one.annotation | other.annotation, one.values | other.values)


def compound(inner: Kinds) -> Kinds:
    return models(inner) | lists(inner) | tuples(inner) | dictionaries(inner) | unions(inner) | tagged(inner) | sets()


KINDS = st.recursive(LEAVES, compound, max_leaves=6)
SORTS: list[Callable[[Kinds], Kinds]] = [
    *(models, lists, tuples, dictionaries, unions, tagged, lambda inner: models(inner) | dictionaries(inner)),
    *(lambda inner: models(models(inner)), lambda inner: lists(unions(inner)), lambda _: LEAVES, lambda _: KINDS),
    *(lambda _: integers(), lambda _: texts(), lambda _: decimals(), lambda _: integers() | numbers() | decimals()),
    *(lambda _: sets() | lists(st.just(Kind(int, st.integers(0, 5)))), lambda inner: tagged(inner) | models(inner)),
]


@st.composite
def changes(draw: st.DrawFn) -> tuple[Kind, Kind]:
    """Two of one sort, made of the same few types: closer to each other than chance would have them."""
    sort = draw(st.sampled_from(SORTS))
    inner = st.sampled_from(draw(st.lists(LEAVES, min_size=1, max_size=2)))
    return draw(sort(inner)), draw(sort(inner))


def contract(kind: Kind) -> type[Message]:
    base = type("Base", (Message,), {})
    model = create_model("Changed", __base__=base, __cls_kwargs__={"routing_key": "things"}, x=(kind.annotation, ...))
    assert issubclass(model, Message)
    return model


def is_compatible(old: type[Message], new: type[Message]) -> bool:
    locks = [Lock.of("shop", published=[each], consumers={"things": [each]}) for each in (old, new)]
    return check(*locks, Mode.BACKWARD).is_compatible


@given(st.data())
@settings(max_examples=500)
def test_what_is_called_compatible_is_really_read(data: st.DataObject) -> None:
    before, after = data.draw(changes())
    old, new = contract(before), contract(after)
    if not is_compatible(old, new):
        event("breaks")
        return
    event("compatible")
    for _ in range(5):
        body = json.dumps({"x": data.draw(before.values)}).encode()
        sent = decode(Contracts.of(old), Properties(), body)
        for each in (body, encode(sent, now=0.0).body):  # by a plain producer, and by Warren
            decode(Contracts.of(new), Properties(), each)


@given(KINDS)
@settings(max_examples=80)
def test_a_contract_that_did_not_change_is_compatible_with_itself(kind: Kind) -> None:
    from warren.contracts.evolution.compare import refusals
    from warren.contracts.evolution.schemas import schema_of_reading

    schema = schema_of_reading(contract(kind))
    assert refusals(schema, schema) == []
