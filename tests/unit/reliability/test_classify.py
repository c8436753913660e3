"""What kind of failure an exception is: the message itself, said so, listed, or known by its nature."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from warren.errors import (
    BrokerUnavailable,
    ConfigurationError,
    InvalidPayload,
    Permanent,
    RetryAfter,
    StoreUnavailable,
    Transient,
    Undecodable,
    UnknownType,
    UnknownVersion,
)
from warren.reliability.classify import Classification, Rules, Unknown


class CardRefused(Exception):
    """An application's own."""


class RateLimited(ConnectionError):
    """An application's own, of a kind that is known."""


class Both(Permanent, Transient):
    """A contradiction."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Undecodable("x"), Classification.CONTRACT),
        (InvalidPayload("x"), Classification.CONTRACT),
        (UnknownType("x"), Classification.CONTRACT),
        (UnknownVersion("x"), Classification.CONTRACT),
        (Permanent("x"), Classification.PERMANENT),
        (Both("x"), Classification.PERMANENT),
        (Transient("x"), Classification.TRANSIENT),
        (RetryAfter(5), Classification.TRANSIENT),
        (StoreUnavailable("x"), Classification.TRANSIENT),
        (TimeoutError("x"), Classification.TRANSIENT),
        (asyncio.TimeoutError(), Classification.TRANSIENT),  # noqa: UP041 - the name people know
        (ConnectionResetError("x"), Classification.TRANSIENT),
        (BrokenPipeError("x"), Classification.TRANSIENT),
        (RateLimited("x"), Classification.TRANSIENT),
        (BrokerUnavailable("x"), Classification.UNKNOWN),
        (KeyError("x"), Classification.UNKNOWN),
        (CardRefused("x"), Classification.UNKNOWN),
        (SystemExit(1), Classification.UNKNOWN),
        (RecursionError("x"), Classification.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_without_rules_of_its_own(error: BaseException, kind: Classification) -> None:
    assert Rules().classify(error) is kind


@pytest.mark.parametrize(
    ("rules", "error", "kind"),
    [
        (Rules.of(transient=CardRefused), CardRefused(), Classification.TRANSIENT),
        (Rules.of(permanent=[CardRefused]), CardRefused(), Classification.PERMANENT),
        (Rules.of(transient=(LookupError,)), KeyError("x"), Classification.TRANSIENT),
        (Rules.of(transient=CardRefused, permanent=CardRefused), CardRefused(), Classification.PERMANENT),
        (Rules.of(permanent=RateLimited), RateLimited(), Classification.PERMANENT),
        (Rules.of(permanent=ConnectionError), RateLimited(), Classification.PERMANENT),
        (Rules.of(permanent=Transient), RetryAfter(5), Classification.PERMANENT),
        (Rules.of(transient=Exception), Permanent("x"), Classification.PERMANENT),
        (Rules.of(transient=Exception), InvalidPayload("x"), Classification.CONTRACT),
        (Rules.of(transient=iter([CardRefused])), CardRefused(), Classification.TRANSIENT),
    ],
)
def test_with_rules_permanent_wins_and_a_contract_failure_stays_one(
    rules: Rules, error: BaseException, kind: Classification
) -> None:
    assert rules.classify(error) is kind


@pytest.mark.parametrize("name", ["transient", "permanent"])
@pytest.mark.parametrize("wrong", [5, "KeyError", ["KeyError"], [KeyError("an instance")], int, [KeyError, str], None])
def test_what_is_no_exception_class_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}=… takes exception classes"):
        Rules.of(**{name: wrong})


@pytest.mark.parametrize(("written", "read"), [("retry", Unknown.RETRY), ("dead-letter", Unknown.DEAD_LETTER)])
def test_what_happens_to_the_rest_is_said_in_a_word(written: str, read: Unknown) -> None:
    assert Rules.of(unknown=written).unknown is read
    assert Rules.of(unknown=read).unknown is read


def test_another_word_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match='write "retry" or "dead-letter"'):
        Rules.of(unknown="ignore")
