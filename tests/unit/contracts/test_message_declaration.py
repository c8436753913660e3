"""A message class says what it is on the wire, and wrong declarations say how to put them right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pytest
from pydantic import AliasChoices, BaseModel, Field, SecretStr, ValidationError, create_model, field_serializer

from warren.contracts.envelope import decode, encode
from warren.contracts.fields import SecretText
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message
from warren.errors import ContractDefinitionError

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    name: str


orders = Place("orders")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int


def test_the_type_is_the_routing_key_and_the_version_is_one() -> None:
    declared = OrderCreated.__warren__

    assert (declared.type, declared.version) == ("orders.created", 1)
    assert (declared.exchange, declared.routing_key) == ("orders", "orders.created")
    assert declared.declared_exchange is orders
    assert declared.is_publishable
    assert str(declared) == "orders.created v1"


def test_type_and_version_can_be_stated() -> None:
    class Shipped(Message, exchange="orders", routing_key="orders.shipped", type="shop.Shipped", version=3):
        order_id: int

    assert (Shipped.__warren__.type, Shipped.__warren__.version) == ("shop.Shipped", 3)
    assert Shipped.__warren__.exchange == "orders"


def test_without_an_exchange_the_routing_key_names_a_queue() -> None:
    class Job(Message, routing_key="jobs"):
        number: int

    assert (Job.__warren__.exchange, Job.__warren__.routing_key) == ("", "jobs")


def test_a_base_class_passes_on_fields_exchange_and_headers_but_no_name() -> None:
    class ShopMessage(Message, exchange=orders, headers={"shop": "main", "region": "eu"}):
        tenant: str

    class Cancelled(ShopMessage, routing_key="orders.cancelled", headers={"region": "us"}):
        order_id: int

    assert not ShopMessage.__warren__.is_publishable
    assert Cancelled.__warren__.exchange == "orders"
    assert dict(Cancelled.__warren__.headers) == {"shop": "main", "region": "us"}
    assert list(Cancelled.model_fields) == ["tenant", "order_id"]


def test_a_subclass_of_a_message_is_not_published_under_its_parents_name() -> None:
    class Special(OrderCreated):
        note: str = ""

    with pytest.raises(ContractDefinitionError) as failure:
        encode(Special(order_id=1), now=0)

    assert str(failure.value) == (
        "Special cannot be published: it states no routing key and no type; "
        'write class Special(Message, exchange=…, routing_key="…")'
    )


def test_a_class_without_name_is_consumed_under_its_class_name() -> None:
    class Order(Message):
        order_id: int

    assert Order.__warren__.type == "Order"
    assert not Order.__warren__.is_publishable


def test_an_empty_routing_key_is_no_name() -> None:
    class Cleared(Message, exchange="everywhere", routing_key=""):
        order_id: int

    assert not Cleared.__warren__.is_publishable


def test_a_generic_message_keeps_its_declaration_when_parametrized() -> None:
    class Changed(Message, Generic[T], exchange=orders, routing_key="orders.changed"):
        value: T

    assert Changed[int].__warren__ is Changed.__warren__


def test_a_generic_message_is_published_with_its_parameter() -> None:
    class Changed(Message, Generic[T], exchange=orders, routing_key="orders.changed"):
        value: T

    outgoing = encode(Changed[int](value=4), now=0)

    assert decode(Contracts.of(Changed[int]), outgoing.properties, outgoing.body) == Changed[int](value=4)


def test_messages_are_frozen_unless_declared_otherwise() -> None:
    class Draft(Message, routing_key="drafts", frozen=False):
        text: str

    with pytest.raises(ValidationError, match="Instance is frozen"):
        OrderCreated(order_id=1).order_id = 2
    draft = Draft(text="a")
    draft.text = "b"
    assert draft.text == "b"


def test_nan_and_infinity_are_refused_when_a_message_is_built() -> None:
    class Measured(Message, routing_key="measured"):
        value: float

    with pytest.raises(ValidationError, match="finite number"):
        Measured(value=float("nan"))


def test_a_default_is_validated() -> None:
    class Priced(Message, routing_key="priced"):
        price: int = "free"

    with pytest.raises(ValidationError, match="valid integer"):
        Priced()


def test_fields_may_be_called_like_class_keywords() -> None:
    class Note(Message, routing_key="notes"):
        type: str
        version: int
        headers: dict[str, str]
        exchange: str

    note = Note(type="a", version=2, headers={}, exchange="e")
    outgoing = encode(note, now=0)

    assert outgoing.message_type == "notes"
    assert decode(Contracts.of(Note), outgoing.properties, outgoing.body) == note


# -- wrong declarations -------------------------------------------------------------------


def declare(**keywords: Any) -> Callable[[], type]:
    def build() -> type:
        return create_model("Wrong", __base__=Message, __cls_kwargs__=keywords, order_id=(int, ...))

    return build


def versioned_without_name() -> type:
    class OrderCreatedV2(OrderCreated, version=2):
        note: str

    return OrderCreatedV2


def written_and_read_by_other_names() -> type:
    class Wrong(Message, routing_key="x"):
        order_id: int = Field(validation_alias=AliasChoices("orderId", "order"))

    return Wrong


def required_but_excluded() -> type:
    class Wrong(Message, routing_key="x"):
        order_id: int = Field(exclude=True)

    return Wrong


def masked_secret() -> type:
    class Account(BaseModel):
        password: SecretStr | None

    class Wrong(Message, routing_key="x"):
        accounts: list[Account]

    return Wrong


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (
            declare(routing_key="x", verison=2),
            "Wrong has the unknown keyword 'verison'; use exchange, routing_key, type, version, headers, max_size",
        ),
        (
            declare(routing_key="k" * 256),
            "Wrong has a routing_key of 256 bytes; AMQP allows 255: shorten 'kkkkkkkkkkkkkkkkkkkk'…",
        ),
        (
            declare(routing_key="ä" * 128),
            "Wrong has a routing_key of 256 bytes; AMQP allows 255: shorten 'ääääääääääääääääääää'…",
        ),
        (declare(routing_key=7), 'Wrong has routing_key=7; use text, as in routing_key="orders.created"'),
        (
            declare(routing_key="orders.*"),
            (
                "Wrong has routing_key='orders.*', a pattern; messages are published with a key without * and #, "
                "and consumers bind the pattern: @app.consumer(..., bind='orders.*')"
            ),
        ),
        (declare(routing_key="x", version=0), "Wrong has version=0; use a whole number from 1, as in version=1"),
        (declare(routing_key="x", version=True), "Wrong has version=True; use a whole number from 1, as in version=1"),
        (declare(routing_key="x", version="2"), "Wrong has version='2'; use a whole number from 1, as in version=1"),
        (declare(type=""), "Wrong has an empty type; leave it out to use the default"),
        (declare(type="t" * 300), "Wrong has a type of 300 bytes; AMQP allows 255: shorten 'tttttttttttttttttttt'…"),
        (declare(exchange=3, routing_key="x"), "Wrong has exchange=3; use an Exchange, or its name"),
        (declare(type="x", headers=["a"]), 'Wrong has headers=[\'a\']; use a mapping, as in headers={"region": "eu"}'),
        (declare(type="x", headers={"": 1}), "Wrong has the header ''; use a text of 1 to 255 bytes"),
        (
            declare(type="x", headers={"x-warren-attempt": 1}),
            "Wrong has the header 'x-warren-attempt'; names with x-warren- are Warren's own",
        ),
        (
            versioned_without_name,
            (
                "OrderCreatedV2 states a version but inherits no routing key or type from OrderCreated; repeat it, "
                "as in class OrderCreatedV2(OrderCreated, routing_key='orders.created', version=2)"
            ),
        ),
        (
            written_and_read_by_other_names,
            "Wrong.order_id is written as 'order_id' but read as 'orderId' or 'order'; use alias=… for both directions",
        ),
        (required_but_excluded, "Wrong.order_id is required but excluded from the body; give it a default"),
        (
            masked_secret,
            (
                "Account.password is a secret that Pydantic writes as '**********'; declare it as warren.SecretText, "
                "which is written in full and hidden in logs"
            ),
        ),
    ],
)
def test_a_wrong_declaration_says_how_to_put_it_right(build: Callable[[], type], text: str) -> None:
    with pytest.raises(ContractDefinitionError) as failure:
        build()

    assert str(failure.value) == text


# -- fields that are fine -----------------------------------------------------------------


def test_an_alias_names_the_field_on_the_wire() -> None:
    class Order(Message, routing_key="x"):
        order_id: int = Field(alias="orderId")

    outgoing = encode(Order(orderId=1), now=0)

    assert outgoing.body == b'{"orderId":1}'
    assert decode(Contracts.of(Order), outgoing.properties, outgoing.body) == Order(orderId=1)


def test_several_names_may_be_read_if_the_written_one_is_among_them() -> None:
    class Order(Message, routing_key="x"):
        order_id: int = Field(validation_alias=AliasChoices("order_id", "orderId"))

    outgoing = encode(Order(orderId=1), now=0)

    assert decode(Contracts.of(Order), outgoing.properties, outgoing.body) == Order(order_id=1)
    assert decode(Contracts.of(Order), outgoing.properties, b'{"orderId":2}') == Order(order_id=2)


def test_a_contract_that_is_only_consumed_may_read_other_names_than_it_would_write() -> None:
    class Foreign(Message):
        order_id: int = Field(validation_alias="orderId")

    assert not Foreign.__warren__.is_publishable


def test_secret_text_is_written_in_full_and_hidden_in_repr() -> None:
    class Login(Message, routing_key="x"):
        password: SecretText
        old: list[SecretText] = Field(default_factory=list)

    login = Login(password="s3cret")
    outgoing = encode(login, now=0)

    assert outgoing.body == b'{"password":"s3cret","old":[]}'
    assert "s3cret" not in repr(login)
    assert decode(Contracts.of(Login), outgoing.properties, outgoing.body) == login


def test_a_secret_with_a_serializer_of_its_own_is_accepted() -> None:
    class Login(Message, routing_key="x"):
        password: SecretStr

        @field_serializer("password")
        def _write(self, password: SecretStr) -> str:
            return password.get_secret_value()

    assert encode(Login(password=SecretStr("a")), now=0).body == b'{"password":"a"}'


def test_a_class_that_names_a_later_one_is_checked_once_that_is_known() -> None:
    with pytest.raises(ContractDefinitionError, match=r"LaterSecret\.key is a secret"):
        _declare_in_two_steps()


def _declare_in_two_steps() -> None:
    class Early(Message, routing_key="early"):
        later: LaterSecret

    class LaterSecret(BaseModel):
        key: SecretStr

    Early.model_rebuild(_types_namespace={"LaterSecret": LaterSecret})
