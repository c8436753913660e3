"""The retry policy, and the decision what becomes of a failed delivery. Pure: no I/O, no clock.

Not here: where the delay is spent (in the broker: `topology/consumer.py`), or who sends it there (`worker/settle.py`).
"""

from __future__ import annotations

from typing import Final

from warren.errors import ConfigurationError, RetryAfter
from warren.reliability.classify import Classification, Rules, Unknown
from warren.reliability.outcome import DeadLetter, DeathReason, Outcome, RetryLater
from warren.topology.duration import Duration, format_duration, parse_duration

__all__ = ["DEFER_DELAY", "Retry", "decide"]

DEFER_DELAY: Final = 1.0
"""The tier of a consumer without retries for messages that are in progress elsewhere, in seconds."""


class Retry:
    """A bounded ladder of delays: `Retry("1s", "10s", "1m")` tries four times in all.

    Each delay becomes one durable queue on the broker, a retry tier, so delays survive every restart and hold no
    message in a worker's memory. `attempts` (default: one more than there are delays) beyond the ladder repeats its
    last delay. `Retry()` never retries.
    """

    __slots__ = ("attempts", "delays")

    def __init__(self, *delays: Duration, attempts: int | None = None) -> None:
        self.delays = tuple(parse_duration(delay) for delay in delays)
        self.attempts = len(self.delays) + 1 if attempts is None else attempts
        if list(self.delays) != sorted(self.delays):
            raise ConfigurationError(f"{self!r}: write the delays in ascending order")
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int) or self.attempts < 1:
            raise ConfigurationError("attempts counts the first try too, so it is 1 or more")
        if self.attempts > 1 and not self.delays:
            raise ConfigurationError('attempts without delays; write Retry("10s", attempts=5)')

    def __repr__(self) -> str:
        parts = [f'"{format_duration(delay)}"' for delay in self.delays]
        if self.attempts != len(self.delays) + 1:
            parts.append(f"attempts={self.attempts}")
        return f"Retry({', '.join(parts)})"

    @staticmethod
    def after(delay: Duration, reason: str = "") -> RetryAfter:
        """Return the error a handler raises to ask for a delay of its own, rounded up to a tier.

        For example from an HTTP `Retry-After`: `raise Retry.after(int(response.headers["Retry-After"]))`. A number
        out of range means the shortest or the longest tier.
        """
        return RetryAfter(parse_duration(delay) if isinstance(delay, str) else max(0.0, float(delay)), reason)

    @property
    def horizon(self) -> float:
        """How long after its first attempt a message may still be retried, in seconds, without the handlers' own time.

        A handler may ask for the longest delay each time (`Retry.after`).
        """
        return (self.attempts - 1) * self.delays[-1] if self.delays else 0.0

    def delay(self, attempt: int) -> float:
        """Return the delay after the failed attempt of that number, in seconds."""
        return self.delays[min(attempt, len(self.delays)) - 1]

    def tier_for(self, seconds: float) -> float:
        """Return the shortest tier that waits at least `seconds`, or the longest there is."""
        return next((delay for delay in self.delays if delay >= seconds), self.delays[-1])

    @property
    def tiers(self) -> tuple[float, ...]:
        """The delays that need a queue each."""
        return tuple(sorted(set(self.delays)))


def decide(policy: Retry, rules: Rules, attempt: int, error: BaseException) -> Outcome:
    """Decide what becomes of a delivery whose attempt of that number (from 1) failed with `error`."""
    kind = rules.classify(error)
    if kind is Classification.CONTRACT:
        return DeadLetter(DeathReason.CONTRACT, error)
    if kind is Classification.PERMANENT or (kind is Classification.UNKNOWN and rules.unknown is Unknown.DEAD_LETTER):
        return DeadLetter(DeathReason.PERMANENT, error)
    if attempt >= policy.attempts:
        return DeadLetter(DeathReason.EXHAUSTED, error)
    delay = policy.tier_for(error.seconds) if isinstance(error, RetryAfter) else policy.delay(attempt)
    return RetryLater(delay, kind.value, error)
