"""How long to wait before the next try: exponential growth with full jitter.

Not here: retries of messages, whose delays are the fixed tiers of `retry.py`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from warren.errors import ConfigurationError

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True)
class Backoff:
    """A uniformly random delay between 0 and `min(cap, base x 2^n)` seconds for try n, counted from 0.

    Full jitter spreads the reconnects of a whole fleet after an outage.
    """

    base: float = 0.5
    cap: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.base <= self.cap:
            raise ConfigurationError("a back-off needs 0 < base <= cap")

    def delay(self, tries: int, rng: random.Random) -> float:
        """Return the delay in seconds after `tries` failed tries."""
        ceiling = min(self.cap, self.base * 2.0 ** min(tries, 32))
        return rng.uniform(0.0, ceiling)
