"""A handler's signature: which message classes it takes, and what else it asks for.

Not here: calling it (`process.py`).
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from warren.contracts.delivery import Delivery
from warren.contracts.message import Message
from warren.errors import HandlerSignatureError

__all__ = ["Handler", "Wanted", "inspect_handler"]


class Wanted(Enum):
    """What a handler may ask for beside its message."""

    DELIVERY = "delivery"
    SESSION = "session"
    CONNECTION = "connection"


_BY_NAME = {
    "Delivery": Wanted.DELIVERY,
    "Session": Wanted.SESSION,
    "Connection": Wanted.CONNECTION,
}


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that processes messages, and how to call it."""

    function: Callable[..., Any]
    name: str
    is_async: bool
    messages: tuple[type[Message], ...]
    wants: tuple[tuple[str, Wanted], ...]

    @property
    def is_transactional(self) -> bool:
        """Whether the handler writes through the store's transaction (the inbox)."""
        return any(wanted is not Wanted.DELIVERY for _, wanted in self.wants)

    @property
    def wants_delivery(self) -> bool:
        """Whether the handler asks for the delivery."""
        return any(wanted is Wanted.DELIVERY for _, wanted in self.wants)


def inspect_handler(function: Callable[..., Any], declared: tuple[Any, ...]) -> Handler:
    """Check a handler against the message classes of its consumer.

    `declared` may be empty (the annotation tells) and may hold unions. Raises `HandlerSignatureError`.
    """
    name = getattr(function, "__qualname__", repr(function))
    if not callable(function) or isinstance(function, type):
        raise HandlerSignatureError(f"{name} is not a function; a handler is def handler(message) or async def")
    parameters = _parameters(function, name)
    if not parameters:
        raise HandlerSignatureError(f"handler {name} takes no message; write def {name.split('.')[-1]}(message: …)")
    first, *rest = parameters
    if first.kind in (first.KEYWORD_ONLY, first.VAR_KEYWORD):
        raise HandlerSignatureError(f"handler {name}: its first parameter is the message, so it must be positional")
    messages = _flatten(declared, name)
    annotated = () if first.annotation is first.empty or isinstance(first.annotation, str) else (first.annotation,)
    _check_agreement(name, first.name, messages, annotated)
    messages = messages or _flatten(annotated, name)
    if not messages:
        raise HandlerSignatureError(
            f"handler {name} does not say which messages it takes; "
            f"write @app.consumer(queue, OrderCreated), or annotate {first.name!r}"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise HandlerSignatureError(f"handler {name} is a generator: calling it runs nothing; take its yield out")
    is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
    handler = Handler(function, name, is_async, messages, tuple(_wanted(name, each) for each in _asked_for(name, rest)))
    if handler.is_async and handler.is_transactional:
        raise HandlerSignatureError(
            f"handler {name} asks for the transaction but is async; the inbox works with def handlers: write def"
        )
    return handler


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        try:
            signature = inspect.signature(function, eval_str=True)
        except Exception:  # an annotation that exists only for type checkers, or in a local scope
            signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise HandlerSignatureError(f"the parameters of handler {name} cannot be read: {error}") from error
    return list(signature.parameters.values())


def _asked_for(name: str, rest: list[inspect.Parameter]) -> list[inspect.Parameter]:
    asked = []
    for parameter in rest:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise HandlerSignatureError(
                f"handler {name}: {parameter.name!r} is passed by name; remove the '/' after it"
            )
        if _want(parameter.annotation) is None and parameter.default is not parameter.empty:
            continue
        asked.append(parameter)
    return asked


def _wanted(name: str, parameter: inspect.Parameter) -> tuple[str, Wanted]:
    want = _want(parameter.annotation)
    if want is None:
        raise HandlerSignatureError(
            f"handler {name} asks for {parameter.name!r}, which Warren does not have; annotate it as Delivery, "
            f"sqlalchemy.orm.Session or sqlalchemy.Connection, or give it a default"
        )
    return parameter.name, want


def _want(annotation: Any) -> Wanted | None:
    if annotation is Delivery:
        return Wanted.DELIVERY
    if isinstance(annotation, str):
        return _BY_NAME.get(annotation.rpartition(".")[2])
    module = getattr(annotation, "__module__", "") or ""
    if isinstance(annotation, type) and module.partition(".")[0] == "sqlalchemy":
        return _BY_NAME.get(annotation.__name__)
    return None


def _flatten(declared: tuple[Any, ...], name: str) -> tuple[type[Message], ...]:
    found: list[type[Message]] = []
    for each in declared:
        if typing.get_origin(each) in (typing.Union, types.UnionType):
            found.extend(_flatten(typing.get_args(each), name))
        elif isinstance(each, type) and issubclass(each, Message):
            found.append(each)
        else:
            raise HandlerSignatureError(f"handler {name}: {each!r} is no message class; derive one from warren.Message")
    return tuple(dict.fromkeys(found))


def _check_agreement(
    name: str, parameter: str, messages: tuple[type[Message], ...], annotated: tuple[Any, ...]
) -> None:
    """A handler annotated with other classes than its consumer's would be called with what it does not expect."""
    if not messages or not annotated or annotated == (Any,) or annotated == (Message,):
        return
    taken = _flatten(annotated, name)
    for message in messages:
        if not issubclass(message, taken):
            raise HandlerSignatureError(
                f"handler {name} takes {parameter}: {' | '.join(each.__name__ for each in taken)}, "
                f"but its consumer passes {message.__name__}; make both agree"
            )
