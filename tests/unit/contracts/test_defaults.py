"""A field that is left out has its default, whatever its type."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import uuid
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, AnyUrl, BaseModel, Field, SecretBytes, SecretStr, ValidationError, field_validator

from warren import Message, SecretText


class Colour(enum.Enum):
    RED = "red"


class Address(BaseModel):
    town: str = "Ulm"


DEFAULTS: dict[str, tuple[Any, Any]] = {
    "a secret": (SecretText, SecretStr("none")),
    "secret bytes": (SecretBytes, SecretBytes(b"none")),
    "a path": (pathlib.Path, pathlib.Path("a")),
    "an address": (ipaddress.IPv4Address, ipaddress.IPv4Address("192.0.2.1")),
    "one of several": (pathlib.Path | None, pathlib.Path("a")),
    "a list of them": (list[pathlib.Path], [pathlib.Path("a")]),
    "a UUID": (uuid.UUID, uuid.UUID(int=1)),
    "a decimal": (decimal.Decimal, decimal.Decimal("1.5")),
    "a time": (dt.datetime, dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    "an enum": (Colour, Colour.RED),
    "a model": (Address, Address()),
    "a tuple": (tuple[int, ...], (1, 2)),
    "a set": (frozenset[int], frozenset({1})),
    "a URL": (AnyUrl, AnyUrl("amqp://localhost")),
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_message_without_the_field_is_read_with_its_default(name: str) -> None:
    annotation, default = DEFAULTS[name]
    keywords = {"__annotations__": {"order_id": int, "value": annotation}, "value": default, "__module__": __name__}
    contract: Any = type("Default", (Message,), keywords)
    read = contract.model_validate_json('{"order_id": 1}', strict=True)
    assert (read.order_id, read.value) == (1, default)


def test_no_function_of_the_author_runs_before_there_is_a_message() -> None:
    def validated(_value: object) -> pathlib.Path:
        calls.append("validator")
        return pathlib.Path("b")

    def made() -> str:
        calls.append("factory")
        return "made"

    calls: list[str] = []

    class Stored(Message, routing_key="stored"):
        place: pathlib.Path = pathlib.Path("a")
        other: Annotated[pathlib.Path, AfterValidator(validated)] = pathlib.Path("a")
        name: str = Field(default_factory=made)
        _validate = field_validator("place")(validated)

    assert calls == []
    assert Stored() == Stored(place=pathlib.Path("b"), other=pathlib.Path("b"), name="made")


def test_a_field_under_another_name_has_its_default() -> None:
    class Stored(Message, routing_key="stored"):
        place: pathlib.Path = Field(pathlib.Path("a"), alias="where")

    assert Stored.model_validate_json("{}", strict=True).place == pathlib.Path("a")
    assert Stored.model_validate_json('{"where": "b"}', strict=True).place == pathlib.Path("b")


def test_what_inherits_the_field_reads_it_too() -> None:
    class Base(Message):
        card: SecretText = SecretStr("none")

    class Paid(Base, routing_key="paid"):
        order_id: int

    assert Paid.model_validate_json('{"order_id": 1}', strict=True).card.get_secret_value() == "none"


def test_a_default_that_is_wrong_is_still_refused() -> None:
    class Wrong(Message, routing_key="wrong"):
        place: pathlib.Path = 7

    with pytest.raises(ValidationError, match="place"):
        Wrong()


def test_a_default_given_as_text_is_still_made_into_its_type() -> None:
    class Priced(Message, routing_key="priced"):
        price: decimal.Decimal = "1.50"

    assert Priced.model_validate_json("{}", strict=True).price == decimal.Decimal("1.50")
