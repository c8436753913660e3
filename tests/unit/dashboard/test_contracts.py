"""The contracts of an application as the pages tell them.

Not here: how schemas become rows (tests/unit/asyncapi), and who publishes (test_publishers.py).
"""

from __future__ import annotations

import json

from pydantic import BaseModel, Field, SecretStr

from warren import Exchange, Message, SecretText, Warren
from warren.contracts.upcasting import upcaster
from warren.dashboard.contracts import Reader, types_of

orders = Exchange("orders", "topic")


class Line(BaseModel):
    sku: str = Field(description="what is sold")


class OrderCreatedV1(Message, exchange=orders, routing_key="orders.created", version=1):
    order: int


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=3, max_size=2048):
    """An order was placed.

    It can be billed from now on.
    """

    order: int
    lines: tuple[Line, ...] = ()
    card: SecretText = SecretStr("hush")


@upcaster(OrderCreated, from_version=2)
def _from_two(body: dict[str, object]) -> dict[str, object]:
    return body


class Cancelled(Message, type="orders.cancelled"):
    order: int


def an_app() -> Warren:
    app = Warren("billing", broker="embedded://")
    app.consumer("billing.invoices", OrderCreated, OrderCreatedV1)(lambda order: None)
    app.consumer("shipping.parcels", OrderCreated)(lambda order: None)
    app.publishes(Cancelled)
    return app


def test_types_are_told_by_name_with_their_newest_version_first() -> None:
    cancelled, created = types_of(an_app())
    assert (cancelled.name, created.name) == ("orders.cancelled", "orders.created")
    assert [contract.version for contract in created.contracts] == [3, 1]
    assert created.exchanges == ("orders",)
    assert (cancelled.is_published, created.is_published) == (True, False)


def test_a_consumer_reads_the_versions_of_its_contracts_and_of_their_upcasters() -> None:
    _, created = types_of(an_app())
    assert created.readers == (
        Reader(name="billing.invoices", queue="billing.invoices", versions=(3, 2, 1)),
        Reader(name="shipping.parcels", queue="shipping.parcels", versions=(3, 2)),
    )


def test_a_contract_tells_where_it_goes_and_what_it_is_made_of() -> None:
    _, created = types_of(an_app())
    newest = created.newest
    assert (newest.class_name, newest.exchange, newest.exchange_type) == ("OrderCreated", "orders", "topic")
    assert (newest.routing_key, newest.max_size, newest.read_from) == ("orders.created", 2048, (2,))
    assert newest.summary == "An order was placed."
    assert [field.path for field in newest.fields] == ["order", "lines", "lines[].sku", "card"]
    assert newest.fields[2].description == "what is sold"


def test_a_schema_refers_to_nothing_outside_itself() -> None:
    _, created = types_of(an_app())
    schema = json.loads(created.newest.schema)
    assert schema["properties"]["lines"]["items"] == {"$ref": "#/components/schemas/Line"}
    assert schema["components"]["schemas"]["Line"]["required"] == ["sku"]


def test_the_value_of_a_secret_field_is_told_nowhere() -> None:
    _, created = types_of(an_app())
    assert "hush" not in repr(created)
    assert "secret" in created.newest.fields[3].limits


def test_an_example_is_a_body_that_the_contract_reads() -> None:
    for one in types_of(an_app()):
        assert "order" in json.loads(one.newest.example)
