"""What a handler may look like, and what is said of one that cannot be called with its message.

Not here: what it returns and raises (test_handler_outcomes.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
import sqlalchemy.orm

from warren import Delivery, Message
from warren.errors import HandlerSignatureError
from warren.worker.handler import Wanted, inspect_handler

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypeCheckers


class OrderCreated(Message, type="orders.created"):
    order_id: int


class OrderPaid(Message, type="orders.paid"):
    order_id: int


class OrderPaidTwice(OrderPaid, type="orders.paid-twice"):
    """A special case of the above."""


# -- what works -----------------------------------------------------------------------------------


def annotated(order: OrderCreated) -> None: ...


def annotated_with_a_union(order: OrderCreated | OrderPaid) -> None: ...


def not_annotated(order): ...


def annotated_with_anything(order: Any) -> None: ...


def annotated_with_the_base(order: Message) -> None: ...


def annotated_with_a_parent(order: OrderPaid) -> None: ...


def with_delivery(order: OrderCreated, delivery: Delivery) -> None: ...


def with_delivery_under_any_name(order: OrderCreated, *, where_from: Delivery) -> None: ...


def with_connection(order: OrderCreated, db: sqlalchemy.Connection, delivery: Delivery) -> None: ...


def with_session(order: OrderCreated, db: sqlalchemy.orm.Session) -> None: ...


def with_defaults(order: OrderCreated, retries: int = 3, delivery: Delivery | None = None) -> None: ...


def with_anything_more(order: OrderCreated, *more: Any, **options: Any) -> None: ...


def positional_only_message(order: OrderCreated, /, delivery: Delivery) -> None: ...


def with_a_return_type_for_type_checkers(order: OrderCreated) -> OnlyForTypeCheckers: ...


async def asynchronous(order: OrderCreated, delivery: Delivery) -> None: ...


class Handlers:
    def method(self, order: OrderCreated, delivery: Delivery) -> None: ...

    @staticmethod
    def static(order: OrderCreated) -> None: ...

    @classmethod
    def of_class(cls, order: OrderCreated) -> None: ...

    def __call__(self, order: OrderCreated) -> None: ...


class AsyncHandler:
    async def __call__(self, order: OrderCreated) -> None: ...


@functools.wraps(annotated)
def decorated(*arguments: Any, **options: Any) -> None: ...


def preset(order: OrderCreated, rate: int) -> None: ...


DELIVERY, SESSION, CONNECTION = Wanted.DELIVERY, Wanted.SESSION, Wanted.CONNECTION


@pytest.mark.parametrize(
    ("function", "declared", "messages", "wants"),
    [
        (annotated, (), (OrderCreated,), ()),
        (annotated, (OrderCreated,), (OrderCreated,), ()),
        (annotated_with_a_union, (), (OrderCreated, OrderPaid), ()),
        (annotated_with_a_union, (OrderPaid,), (OrderPaid,), ()),
        (not_annotated, (OrderCreated,), (OrderCreated,), ()),
        (not_annotated, (OrderCreated | OrderPaid,), (OrderCreated, OrderPaid), ()),
        (not_annotated, (OrderCreated, OrderPaid, OrderCreated), (OrderCreated, OrderPaid), ()),
        (annotated_with_anything, (OrderCreated,), (OrderCreated,), ()),
        (annotated_with_the_base, (OrderCreated, OrderPaid), (OrderCreated, OrderPaid), ()),
        (annotated_with_a_parent, (OrderPaidTwice,), (OrderPaidTwice,), ()),
        (with_delivery, (), (OrderCreated,), (("delivery", DELIVERY),)),
        (with_delivery_under_any_name, (), (OrderCreated,), (("where_from", DELIVERY),)),
        (with_connection, (), (OrderCreated,), (("db", CONNECTION), ("delivery", DELIVERY))),
        (with_session, (), (OrderCreated,), (("db", SESSION),)),
        (with_defaults, (), (OrderCreated,), ()),
        (with_anything_more, (), (OrderCreated,), ()),
        (positional_only_message, (), (OrderCreated,), (("delivery", DELIVERY),)),
        (with_a_return_type_for_type_checkers, (OrderCreated,), (OrderCreated,), ()),
        (Handlers().method, (), (OrderCreated,), (("delivery", DELIVERY),)),
        (Handlers.static, (), (OrderCreated,), ()),
        (Handlers.of_class, (), (OrderCreated,), ()),
        (Handlers(), (), (OrderCreated,), ()),
        (decorated, (), (OrderCreated,), ()),
        (functools.partial(preset, rate=3), (), (OrderCreated,), ()),
        (lambda order: None, (OrderCreated,), (OrderCreated,), ()),
    ],
)
def test_which_messages_a_handler_takes_and_what_else_it_asks_for(
    function: Callable[..., Any], declared: tuple[Any, ...], messages: tuple[type[Message], ...], wants: Any
) -> None:
    handler = inspect_handler(function, declared)

    assert handler.function is function
    assert (handler.messages, handler.wants, handler.is_async) == (messages, wants, False)
    assert handler.wants_delivery == any(wanted is DELIVERY for _, wanted in wants)
    assert handler.is_transactional == any(wanted is not DELIVERY for _, wanted in wants)
    arguments = {name: object() for name, _ in wants}
    function(OrderCreated(order_id=1), **arguments)  # as the worker calls it


@pytest.mark.parametrize(
    "function", [asynchronous, AsyncHandler(), functools.partial(asynchronous)], ids=["def", "object", "partial"]
)
def test_async_handlers_are_known_as_such(function: Callable[..., Any]) -> None:
    assert inspect_handler(function, ()).is_async


# -- what cannot ------------------------------------------------------------------------------------


def no_parameters() -> None: ...


def keyword_only(*, order: OrderCreated) -> None: ...


def only_options(**options: OrderCreated) -> None: ...


def with_a_stranger(order: OrderCreated, database: str) -> None: ...


def with_an_unannotated_stranger(order: OrderCreated, database): ...


def positional_only_delivery(order: OrderCreated, delivery: Delivery, /) -> None: ...


def of_no_message(order: dict[str, Any]) -> None: ...


def of_other_messages(order: OrderPaid) -> None: ...


def of_a_part(order: OrderCreated | OrderPaidTwice) -> None: ...


async def async_with_the_transaction(order: OrderCreated, db: sqlalchemy.Connection) -> None: ...


def with_an_annotation_nobody_has(order: sqlalchemy.NoSuchThing) -> None: ...


def with_an_annotation_that_fails(order: 1 / 0) -> None: ...


@pytest.mark.parametrize(
    ("function", "declared", "says"),
    [
        (no_parameters, (OrderCreated,), "takes no message; write def no_parameters(message: …)"),
        (keyword_only, (OrderCreated,), "must be positional"),
        (only_options, (OrderCreated,), "must be positional"),
        (not_annotated, (), "does not say which messages it takes"),
        (annotated_with_anything, (), "no message class"),
        (with_a_stranger, (), "asks for 'database', which Warren does not have"),
        (with_an_unannotated_stranger, (), "annotate it as Delivery"),
        (positional_only_delivery, (), "remove the '/'"),
        (of_no_message, (), "no message class; derive one from warren.Message"),
        (annotated, (OrderPaid,), "its consumer passes OrderPaid; make both agree"),
        (of_other_messages, (OrderCreated, OrderPaid), "its consumer passes OrderCreated"),
        (of_a_part, (OrderCreated, OrderPaid), "its consumer passes OrderPaid"),
        (not_annotated, ("OrderCreated",), "'OrderCreated' is no message class"),
        (not_annotated, (OrderCreated | None,), "is no message class"),
        (not_annotated, (OrderCreated(order_id=1),), "is no message class"),
        (async_with_the_transaction, (), "the inbox works with def handlers"),
        (OrderCreated, (OrderCreated,), "is not a function"),
        ("send_invoice", (OrderCreated,), "is not a function"),
        (None, (OrderCreated,), "is not a function"),
    ],
)
def test_what_cannot_be_called_with_its_message_is_refused_by_name(
    function: Any, declared: tuple[Any, ...], says: str
) -> None:
    with pytest.raises(HandlerSignatureError) as refused:
        inspect_handler(function, declared)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("function", [with_an_annotation_nobody_has, with_an_annotation_that_fails])
def test_an_annotation_that_cannot_be_read_leaves_it_to_the_declaration(function: Callable[..., Any]) -> None:
    """Annotations are text until someone evaluates them; a name may exist for type checkers only."""
    assert inspect_handler(function, (OrderCreated,)).messages == (OrderCreated,)
    with pytest.raises(HandlerSignatureError, match="does not say which messages it takes"):
        inspect_handler(function, ())
