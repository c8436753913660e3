"""The retry policy as a ladder of delays, and what becomes of a failed attempt."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.errors import ConfigurationError, InvalidPayload, Permanent, RetryAfter, Transient
from warren.reliability.classify import Rules, Unknown
from warren.reliability.outcome import DeadLetter, DeathReason, RetryLater
from warren.reliability.retry import Retry, decide

LADDER = Retry("1s", "10s", "1m")


# -- the ladder ---------------------------------------------------------------------------------------


def test_a_ladder_tries_once_more_than_it_has_delays() -> None:
    assert LADDER.attempts == 4
    assert [LADDER.delay(attempt) for attempt in (1, 2, 3)] == [1.0, 10.0, 60.0]
    assert LADDER.tiers == (1.0, 10.0, 60.0)


def test_attempts_beyond_the_ladder_repeat_its_last_delay_in_one_tier() -> None:
    retry = Retry("1s", "10s", attempts=6)

    assert [retry.delay(attempt) for attempt in range(1, 6)] == [1.0, 10.0, 10.0, 10.0, 10.0]
    assert Retry("10s", "10s").tiers == (10.0,)


def test_without_delays_it_never_retries() -> None:
    assert (Retry().attempts, Retry().tiers, Retry().horizon) == (1, (), 0.0)


@pytest.mark.parametrize(
    ("retry", "text"),
    [
        (Retry("1s", "10s", "1m"), 'Retry("1s", "10s", "1m")'),
        (Retry(0.5, attempts=9), 'Retry("500ms", attempts=9)'),
        (Retry(), "Retry()"),
    ],
)
def test_its_repr_is_how_it_is_written(retry: Retry, text: str) -> None:
    assert repr(retry) == text
    again = eval(text, {"Retry": Retry})
    assert (again.delays, again.attempts) == (retry.delays, retry.attempts)


@pytest.mark.parametrize(
    "build",
    [
        lambda: Retry("10s", "1s"),
        lambda: Retry("soon"),
        lambda: Retry("0s"),
        lambda: Retry(-1),
        lambda: Retry("60d"),
        lambda: Retry("10s", attempts=0),
        lambda: Retry("10s", attempts=True),
        lambda: Retry("10s", attempts=2.5),
        lambda: Retry(attempts=5),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(build: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        build()
    assert "\n" not in str(refused.value)


@given(
    st.lists(st.sampled_from([0.5, 1.0, 10.0, 60.0]), min_size=1, max_size=4).map(sorted),
    st.integers(1, 8),
    st.floats(0, 100),
)
def test_the_horizon_covers_every_way_through_the_ladder(delays: list[float], attempts: int, asked: float) -> None:
    """Keys are kept for at least as long; a message that came later would not be known as a duplicate."""
    retry = Retry(*delays, attempts=attempts)
    waited, attempt = 0.0, 1
    while isinstance(outcome := decide(retry, Rules(), attempt, RetryAfter(asked)), RetryLater):
        waited += outcome.delay
        attempt += 1

    assert attempt == attempts
    assert waited <= retry.horizon
    assert sum(retry.delay(number) for number in range(1, attempts)) <= retry.horizon


# -- asking for a delay ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "given_delay"),
    [
        (1, 1.0),
        (1.5, 10.0),
        ("10s", 10.0),
        ("11s", 60.0),
        (3600, 60.0),
        (10_000_000, 60.0),
        (0, 1.0),
        (-5, 1.0),
        (float("nan"), 1.0),
        (float("inf"), 60.0),
    ],
)
def test_a_delay_asked_for_is_rounded_up_to_a_tier(asked: float | str, given_delay: float) -> None:
    """A server says what it likes in Retry-After; 0 and a week are no mistakes of the handler's."""
    outcome = decide(LADDER, Rules(), 1, Retry.after(asked))

    assert isinstance(outcome, RetryLater)
    assert (outcome.delay, outcome.classification) == (given_delay, "transient")


def test_a_delay_in_words_that_are_none_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError):
        Retry.after("soon")


def test_asking_for_a_delay_says_why() -> None:
    assert str(Retry.after(5, "rate limited")) == "rate limited"
    assert str(Retry.after("5s")) == "retry after 5 s"
    assert isinstance(Retry.after(5), Transient)


def test_asking_for_a_delay_wins_no_further_attempts() -> None:
    assert isinstance(decide(LADDER, Rules(), 4, Retry.after(5)), DeadLetter)
    assert isinstance(decide(Retry(), Rules(), 1, Retry.after(5)), DeadLetter)


# -- the decision -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (Transient("later"), 1, RetryLater(1.0, "transient", Transient("later"))),
        (Transient("later"), 3, RetryLater(60.0, "transient", Transient("later"))),
        (Transient("later"), 4, DeadLetter(DeathReason.EXHAUSTED, Transient("later"))),
        (Transient("later"), 99, DeadLetter(DeathReason.EXHAUSTED, Transient("later"))),
        (KeyError("x"), 2, RetryLater(10.0, "unknown", KeyError("x"))),
        (KeyError("x"), 4, DeadLetter(DeathReason.EXHAUSTED, KeyError("x"))),
        (Permanent("no"), 1, DeadLetter(DeathReason.PERMANENT, Permanent("no"))),
        (InvalidPayload("no"), 1, DeadLetter(DeathReason.CONTRACT, InvalidPayload("no"))),
        (InvalidPayload("no"), 4, DeadLetter(DeathReason.CONTRACT, InvalidPayload("no"))),
    ],
)
def test_what_becomes_of_a_failed_attempt(error: BaseException, attempt: int, expected: Any) -> None:
    outcome = decide(LADDER, Rules(), attempt, error)

    assert type(outcome) is type(expected)
    assert repr(outcome) == repr(expected)
    assert outcome.error is error


def test_errors_no_rule_names_can_be_given_up_at_once() -> None:
    outcome = decide(LADDER, Rules(unknown=Unknown.DEAD_LETTER), 1, KeyError("x"))

    assert isinstance(outcome, DeadLetter)
    assert outcome.reason is DeathReason.PERMANENT


@given(st.integers(1, 1_000_000), st.sampled_from([Transient("x"), KeyError("x"), Permanent("x"), InvalidPayload("x")]))
def test_every_message_comes_to_an_end(attempt: int, error: BaseException) -> None:
    outcome = decide(LADDER, Rules(), attempt, error)

    assert isinstance(outcome, DeadLetter) or (isinstance(outcome, RetryLater) and attempt < LADDER.attempts)
