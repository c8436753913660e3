"""The AsyncAPI document: what it says, and that the schema its makers publish accepts it.

Not here: the page (test_page.py).
"""

from __future__ import annotations

import json
import threading
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

import jsonschema
import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, computed_field

from tests.conftest import give_up
from tests.services.places import ServiceMissing, asyncapi_schema
from warren import ConfigurationError, Exchange, Headers, Message, Queue, Retry, SecretText, Warren
from warren.asyncapi.document import document_of
from warren.asyncapi.page import page_of
from warren.contracts.upcasting import upcaster

orders = Exchange("orders", "topic")


class Kind(StrEnum):
    NEW = "new"
    OLD = "old"


class Card(BaseModel):
    kind: Literal["card"]
    number: str


class Cash(BaseModel):
    kind: Literal["cash"]


class Line(BaseModel):
    sku: str = Field(min_length=3, max_length=12, description="what is sold")
    price: Decimal
    parts: list[Line] = []


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=2):
    """An order was placed.

    It can be billed from now on.
    """

    order_id: int = Field(gt=0)
    at: datetime
    kind: Kind = Kind.NEW
    lines: list[Line]
    paid: Annotated[Card | Cash, Field(discriminator="kind")]
    position: tuple[int, str]
    reference: UUID | None = None
    token: SecretText = Field(alias="Token")


class OrderCreatedFirst(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int


class MailSent(Message, exchange=Exchange("mail", "headers"), type="mail/sent", headers={"region": "eu"}):
    to: str = "ada@example.org"


class Wanted(Message, routing_key="stock.wanted"):
    amounts: dict[str, Decimal]


def shop(**options: Any) -> Warren:
    app = Warren("billing", **{"broker": "amqps://bob:s3cret@one,two:5673/shop", "version": "7", **options})
    app.publishes(MailSent, Wanted)

    @app.consumer(
        Queue("billing.invoices", max_length=10), OrderCreated, OrderCreatedFirst, retry=Retry("5s"), idempotent=True
    )
    def send_invoice(order: OrderCreated | OrderCreatedFirst) -> None:
        """Send an invoice.

        Once.
        """

    @app.consumer("billing.audit", MailSent, bind=Headers(any_={"region": "eu", "x-kind": "a"}))
    def audit(mail: MailSent) -> None: ...

    return app


def document(app: Warren | None = None, **options: Any) -> dict[str, Any]:
    made = document_of((app or shop()).described("Bills orders.", **options))
    return json.loads(json.dumps(made))


@pytest.fixture(scope="module")
def published_schema() -> jsonschema.protocols.Validator:
    """The JSON Schema of AsyncAPI 3.0.0, as its makers publish it."""
    try:
        return jsonschema.Draft7Validator(json.loads(asyncapi_schema().read_text()))
    except ServiceMissing as reason:
        give_up(reason)


# -- the published schema -----------------------------------------------------------------


def test_the_published_schema_accepts_the_document(published_schema: jsonschema.protocols.Validator) -> None:
    assert [error.message for error in published_schema.iter_errors(document())] == []


@pytest.mark.parametrize(
    "app", [Warren("empty"), Warren("embedded", broker="embedded://"), shop(broker="amqp://[::1]:5673")], ids=str
)
def test_it_accepts_every_kind_of_application(app: Warren, published_schema: jsonschema.protocols.Validator) -> None:
    assert [error.message for error in published_schema.iter_errors(document(app))] == []


def test_it_would_refuse_a_wrong_document(published_schema: jsonschema.protocols.Validator) -> None:
    wrong = document()
    del wrong["channels"]["queue.billing.invoices"]["bindings"]["amqp"]["queue"]
    assert [list(error.absolute_path)[:2] for error in published_schema.iter_errors(wrong)] == [
        ["channels", "queue.billing.invoices"]
    ]


def test_every_reference_leads_to_something() -> None:
    whole = document()

    def follow(part: Any) -> None:
        if isinstance(part, dict):
            for word, value in part.items():
                if word == "$ref":
                    target = whole
                    for name in value.removeprefix("#/").split("/"):
                        target = target[name]
                else:
                    follow(value)
        elif isinstance(part, list):
            for each in part:
                follow(each)

    follow(whole)


# -- what it says -------------------------------------------------------------------------


def test_the_same_application_gives_the_same_document() -> None:
    first, second = (json.dumps(document_of(shop().described())) for _ in range(2))
    assert first == second


def test_the_broker_is_named_without_its_login() -> None:
    told = document()
    assert [one["host"] for one in told["servers"].values()] == ["one:5671", "two:5673"]
    assert "s3cret" not in json.dumps(told)
    assert "bob" not in json.dumps(told)


def test_without_a_server_no_broker_is_named() -> None:
    told = document(with_broker=False)
    assert "servers" not in told
    assert "securitySchemes" not in told["components"]


def test_an_embedded_broker_is_neither_named_nor_started() -> None:
    app = Warren("embedded", broker="embedded://")
    assert "servers" not in document(app)
    assert "embedded" in repr(app)


def test_versions_of_a_message_are_messages_of_one_queue() -> None:
    told = document()
    assert list(told["channels"]["queue.billing.invoices"]["messages"]) == ["orders.created.v2", "orders.created.v1"]
    assert told["components"]["messages"]["orders.created.v1"]["title"] == "OrderCreatedFirst"


def test_a_queue_says_what_it_is_declared_with_and_bound_to() -> None:
    queue = document()["channels"]["queue.billing.invoices"]
    assert queue["bindings"]["amqp"]["queue"]["vhost"] == "shop"
    assert queue["x-queue-arguments"]["x-max-length"] == 10
    assert queue["x-queue-bindings"] == [
        {"exchange": "orders", "exchangeType": "topic", "routingKey": "orders.created"}
    ]


def test_a_consumer_says_how_it_retries_and_where_its_dead_letters_are() -> None:
    operation = document()["operations"]["receive.billing.invoices"]
    assert operation["x-retry"] == {"attempts": 2, "delays": ["5s"]}
    assert operation["x-dead-letter-queue"] == "billing.invoices.dead"
    assert operation["summary"] == "Send an invoice."


def test_what_is_sent_says_its_exchange_and_headers() -> None:
    told = document()
    assert told["channels"]["exchange.mail"]["bindings"]["amqp"]["exchange"]["type"] == "headers"
    assert told["channels"]["exchange.default.stock.wanted"]["bindings"]["amqp"]["exchange"]["type"] == "default"
    assert told["components"]["messages"]["mail-sent.v1"]["headers"]["properties"]["region"] == {"const": "eu"}


def test_names_that_would_be_one_get_a_number() -> None:
    class Slash(Message, routing_key="a/b"):
        x: int

    class Colon(Message, routing_key="a:b"):
        x: int

    app = Warren("names")
    app.publishes(Slash, Colon)
    assert list(document(app)["components"]["messages"]) == ["a-b.v1", "a-b.v1-2"]


def test_a_field_without_json_schema_is_a_configuration_error() -> None:
    class Strange(Message, routing_key="strange"):
        value: threading.Thread | None = None

        model_config = {"arbitrary_types_allowed": True}  # noqa: RUF012

    app = Warren("strange")
    app.publishes(Strange)
    with pytest.raises(ConfigurationError, match="JSON Schema cannot describe"):
        document(app)


def test_versions_that_are_read_through_upcasters_are_named() -> None:
    class Paid(Message, routing_key="paid", version=3):
        amount: int

    @upcaster(Paid, from_version=2)
    @upcaster(Paid, from_version=1)
    def from_older(body: dict[str, Any]) -> dict[str, Any]:
        return body

    app = Warren("paid")

    @app.consumer("payments", Paid)
    def take(message: Paid) -> None: ...

    assert document(app)["operations"]["receive.payments"]["x-also-reads"] == ["paid.v1", "paid.v2"]
    assert "x-also-reads" not in document()["operations"]["receive.billing.invoices"]
    assert "<code>paid.v2</code>" in page_of(document(app))


# -- payloads -----------------------------------------------------------------------------


def standalone(told: dict[str, Any], message: str) -> dict[str, Any]:
    """A payload as a schema of its own, as a program that knows draft 07 only would take it."""
    return {**told["components"]["messages"][message]["payload"], "components": told["components"]}


def test_every_example_fits_its_schema_and_is_read_by_its_contract() -> None:
    told = document()
    contracts = {
        f"{each.__warren__.type.replace('/', '-')}.v{each.__warren__.version}": each for each in shop().messages
    }
    for key, message in told["components"]["messages"].items():
        assert message["examples"], key
        for example in message["examples"]:
            jsonschema.Draft7Validator(standalone(told, key)).validate(example["payload"])
            contracts[key].model_validate_json(json.dumps(example["payload"]), strict=True)


def test_what_the_contract_refuses_the_schema_refuses_too() -> None:
    told = document()
    validator = jsonschema.Draft7Validator(standalone(told, "orders.created.v2"))
    good = told["components"]["messages"]["orders.created.v2"]["examples"][0]["payload"]
    for change in ({"order_id": 0}, {"paid": {"kind": "none"}}, {"position": [1, 2]}, {"position": [1, "a", 3]}):
        assert not validator.is_valid({**good, **change}), change
        with pytest.raises(ValueError):
            OrderCreated.model_validate_json(json.dumps({**good, **change}), strict=True)


def test_an_author_s_examples_come_before_made_up_ones() -> None:
    class Priced(Message, routing_key="priced"):
        price: int

        model_config = {"json_schema_extra": {"examples": [{"price": 7}, {"price": "not a number"}]}}  # noqa: RUF012

    app = Warren("priced")
    app.publishes(Priced)
    examples = document(app)["components"]["messages"]["priced.v1"]["examples"]
    assert [each["payload"] for each in examples] == [{"price": 7}]


def test_a_field_may_be_called_like_a_keyword() -> None:
    class Odd(Message, routing_key="odd"):
        prefixItems: int
        discriminator: str
        items: list[int]

    app = Warren("odd")
    app.publishes(Odd)
    told = document(app)
    assert set(told["components"]["schemas"]["Odd"]["properties"]) == {"prefixItems", "discriminator", "items"}
    assert told["components"]["messages"]["odd.v1"]["examples"]


def test_what_is_only_sent_is_described_as_it_is_written() -> None:
    class Sum(Message, routing_key="sum"):
        parts: list[int]

        @computed_field
        def total(self) -> int:
            return sum(self.parts)

    sender, both = Warren("sender"), Warren("both")
    sender.publishes(Sum)
    both.publishes(Sum)

    @both.consumer("sum", Sum)
    def take(message: Sum) -> None: ...

    assert set(document(sender)["components"]["schemas"]["Sum"]["properties"]) == {"parts", "total"}
    assert set(document(both)["components"]["schemas"]["Sum"]["properties"]) == {"parts"}


class Login(BaseModel):
    password: SecretText = Field(SecretStr("hush-1"), examples=["hush-2"])


class Connected(Message, routing_key="connected"):
    """A system was connected."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"host": "db-2", "login": {"password": "hush-5"}, "token": "hush-6"}]}
    )

    login: Login = Login(password=SecretStr("hush-3"))
    token: SecretText = SecretStr("hush-4")
    host: str = "db-1"


@pytest.mark.parametrize("is_received", [True, False])
def test_no_default_and_no_example_of_a_secret_is_told(is_received: bool) -> None:
    app = Warren("systems", broker="embedded://")
    app.publishes(Connected)
    if is_received:
        app.consumer("systems.connected", Connected)(lambda connected: None)
    told = json.dumps(document_of(app.described()))
    assert "hush" not in told
    assert "db-1" in told
    assert "db-2" in told
