"""Celery's messages, written by Celery's own serializer, are read under their contract; and the other way round.

Not here: Celery's workers (tests/acceptance/test_interop_celery.py).
"""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils.json import dumps, loads
from pydantic import BaseModel, Field

from warren.contracts.celery import check_due
from warren.contracts.envelope import decode, encode
from warren.contracts.lookup import Contracts
from warren.contracts.message import Message
from warren.contracts.properties import Properties
from warren.errors import ContractDefinitionError, InvalidPayload, Undecodable, UnknownType
from warren.integrations.celery import CeleryTask

AFTERWARDS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class Line(BaseModel):
    sku: str
    at: datetime | None = None


class SendInvoice(CeleryTask, type="shop.send_invoice", routing_key="celery"):
    order_id: int
    event: str = "created"
    due: date | None = None
    lines: tuple[Line, ...] = ()


class Refund(CeleryTask, type="shop.refund", routing_key="celery"):
    order_id: int


class Everything(CeleryTask, type="shop.everything", routing_key="celery"):
    at: datetime
    day: date
    hour: time
    amount: Decimal
    id: uuid.UUID
    raw: bytes


def headers_of(task: str = "shop.send_invoice", **others: Any) -> dict[str, Any]:
    return {"lang": "py", "task": task, "id": "5a5e-1", "eta": None, "retries": 0, **others}


def read(
    args: list[Any] | tuple[Any, ...] = (),
    kwargs: dict[str, Any] | None = None,
    *contracts: type[Message],
    headers: dict[str, Any] | None = None,
    **afterwards: Any,
) -> Message:
    """Read a call as Celery writes it."""
    body = dumps((args, kwargs or {}, {**AFTERWARDS, **afterwards})).encode()
    properties = Properties("application/json", "utf-8", headers_of() if headers is None else headers)
    return decode(Contracts.of(*(contracts or (SendInvoice,))), properties, body, "celery")


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1, "paid"), {}), ((1,), {"event": "paid"}), ((), {"order_id": 1, "event": "paid"})],
)
def test_positional_and_keyword_arguments_are_the_same_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    assert read(args, kwargs) == SendInvoice(order_id=1, event="paid")


def test_what_celery_marks_with_its_type_is_read_as_the_field_says() -> None:
    values = {
        "at": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        "day": date(2026, 11, 23),
        "hour": time(9, 30),
        "amount": Decimal("42.10"),
        "id": uuid.UUID(int=7),
        "raw": b"\x00\xff",
    }
    assert read((), values, Everything, headers=headers_of("shop.everything")) == Everything(**values)
    assert read((), {**values, "raw": b"text"}, Everything, headers=headers_of("shop.everything")) == Everything(
        **{**values, "raw": b"text"}
    )


def test_nested_models_are_read() -> None:
    at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert read([1], {"lines": [{"sku": "a", "at": at}]}) == SendInvoice(order_id=1, lines=(Line(sku="a", at=at),))


@given(st.integers(), st.text(), st.none() | st.dates())
def test_whatever_a_contract_writes_celery_reads_as_keyword_arguments(order_id: int, event: str, due: Any) -> None:
    written = encode(SendInvoice(order_id=order_id, event=event, due=due), now=1.0)
    args, kwargs, afterwards = loads(written.body)
    assert args == []
    assert kwargs == {"order_id": order_id, "event": event, "due": due and due.isoformat(), "lines": []}
    assert afterwards == AFTERWARDS


@given(st.integers(), st.text())
def test_whatever_is_written_is_read_back(order_id: int, event: str) -> None:
    task = SendInvoice(order_id=order_id, event=event)
    written = encode(task, now=1.0)
    assert decode(Contracts.of(SendInvoice), written.properties, written.body, "celery") == task


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists) | st.binary())
def test_no_body_at_all_makes_the_reader_fail_in_another_way(body: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises((InvalidPayload, Undecodable)):
        decode(Contracts.of(SendInvoice), Properties("application/json", "utf-8", headers_of()), raw, "celery")


def test_a_task_is_published_with_the_headers_a_worker_looks_for() -> None:
    written = encode(SendInvoice(order_id=1), now=1.0, message_id="order-1", headers={"region": "eu"})
    headers = written.properties.headers
    assert (headers["task"], headers["lang"], headers["id"]) == ("shop.send_invoice", "py", "order-1")
    assert headers["region"] == "eu"
    assert written.routing_key == "celery"


def test_tasks_of_one_queue_are_told_apart_by_their_names() -> None:
    assert read([1], {}, SendInvoice, Refund, headers=headers_of("shop.refund")) == Refund(order_id=1)


def test_a_task_of_another_name_is_refused_although_its_arguments_would_fit() -> None:
    with pytest.raises(UnknownType, match=r"type 'shop.refund' is not handled here"):
        read([1], {}, headers=headers_of("shop.refund"))


@pytest.mark.parametrize("afterwards", ["callbacks", "errbacks", "chain", "chord"])
def test_a_task_that_others_follow_is_refused(afterwards: str) -> None:
    with pytest.raises(InvalidPayload, match=rf"{afterwards} for afterwards, which only a Celery worker runs"):
        read([1], {}, **{afterwards: [{"task": "shop.refund"}]})


NOON = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "eta", ["2026-11-23T12:00:06+00:00", "2026-11-23T14:00:06+02:00", "2026-11-24T00:00:00", "soon"]
)
def test_a_task_with_an_eta_is_refused_rather_than_run_early(eta: str) -> None:
    with pytest.raises(
        InvalidPayload, match=f"is to wait until {re.escape(eta)}, as only a Celery worker does; replay"
    ):
        check_due(headers_of(eta=eta), NOON)


@pytest.mark.parametrize("eta", [None, "2026-11-23T12:00:00+00:00", "2026-11-23T14:00:04+02:00", "2026-11-23T11:00:00"])
def test_a_task_that_is_due_is_read(eta: str | None) -> None:
    """As it comes where the broker did the waiting, and as a replay brings it."""
    check_due(headers_of(eta=eta), NOON)


def test_an_eta_of_somebody_elses_is_left_alone() -> None:
    check_due({"eta": "2027-01-01T00:00:00+00:00", "task": "nightly"}, NOON)


@pytest.mark.parametrize(
    ("args", "kwargs", "reason"),
    [
        ((1, "a", None, [], 5), {}, "the task has 5 positional arguments; its contract has 4 fields"),
        ((1,), {"order_id": 2}, "the task has order_id twice"),
        (("1",), {}, r'order_id: expected a valid integer, got string "1"'),
        ((), {}, "order_id is missing"),
    ],
)
def test_a_call_that_does_not_fit_says_why(args: tuple[Any, ...], kwargs: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidPayload, match=reason):
        read(args, kwargs)


def test_the_fields_alone_are_read_too() -> None:
    """As `warren publish` is given them, and plain producers write them."""
    body = b'{"order_id": 1, "due": "2026-11-23"}'
    assert decode(Contracts.of(SendInvoice), Properties(), body) == SendInvoice(order_id=1, due=date(2026, 11, 23))


def test_protocol_1_is_refused_by_its_name() -> None:
    body = b'{"task": "shop.send_invoice", "id": "1", "args": [1], "kwargs": {}}'
    with pytest.raises(InvalidPayload, match=r"expected Celery's task protocol 2; this is protocol 1"):
        decode(Contracts.of(SendInvoice), Properties(), body)


def test_headers_that_only_look_like_celerys_are_left_alone() -> None:
    class Plain(Message, routing_key="plain"):
        n: int

    headers = {"task": "nightly", "id": 5, "eta": "tomorrow"}
    assert decode(Contracts.of(Plain), Properties(headers=headers), b'{"n": 1}', "plain") == Plain(n=1)


def test_a_parameter_may_have_another_name_than_its_field() -> None:
    class Aliased(CeleryTask, type="aliased"):
        order: int = Field(alias="orderId")

    assert read([1], {}, Aliased, headers=headers_of("aliased")) == Aliased(orderId=1)
    assert read([], {"orderId": 1}, Aliased, headers=headers_of("aliased")) == Aliased(orderId=1)


def test_a_task_without_a_name_is_refused_when_it_is_declared() -> None:
    with pytest.raises(ContractDefinitionError, match=r'Nameless names no task; .* type="shop.send_invoice"'):

        class Nameless(CeleryTask, routing_key="celery"):
            n: int


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_schema_is_that_of_the_body(mode: Any) -> None:
    schema = SendInvoice.model_json_schema(mode=mode)
    assert schema["type"] == "array"
    assert schema["prefixItems"][1]["required"] == ["order_id"]


def test_in_python_a_task_is_a_message_like_any_other() -> None:
    task = SendInvoice(order_id=1)
    assert task.model_dump()["order_id"] == 1
    assert task.model_copy(update={"order_id": 2}).order_id == 2
