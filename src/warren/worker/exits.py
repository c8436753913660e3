"""How worker processes end, and what their supervisor does about it. Pure: no process, no clock.

Not here: carrying it out (`supervisor.py`).
"""

from __future__ import annotations

import enum
import random
import signal
from dataclasses import dataclass
from typing import Final, final

from warren.reliability.backoff import Backoff

__all__ = ["STEADY", "ChildExit", "ExitCode", "GiveUp", "Restart", "Verdict", "after_exit"]

STEADY: Final = 30.0
"""A child that was ready and lived this long, in seconds, has recovered: the next back-off starts anew."""


class ExitCode(enum.IntEnum):
    """How a worker process ended."""

    OK = 0
    FAILED = 1
    CONFIGURATION = 2
    UNFINISHED = 3
    UNAVAILABLE = 4
    REPLACE = 75


@final
@dataclass(frozen=True, slots=True)
class ChildExit:
    """One child's end. A negative `code` is the signal that killed it, `error` is what it reported before."""

    code: int
    was_ready: bool
    lived: float
    error: str = ""

    @property
    def reason(self) -> str:
        """Say why it ended."""
        if self.error:
            return self.error
        if self.code < 0:
            return f"killed by {_signal_name(-self.code)}"
        try:
            return _REASONS[ExitCode(self.code)]
        except ValueError:
            return "ended unexpectedly"


_REASONS: Final = {
    ExitCode.OK: "stopped, but not by its supervisor",
    ExitCode.FAILED: "failed",
    ExitCode.CONFIGURATION: "refused its configuration",
    ExitCode.UNFINISHED: "stopped, but not by its supervisor, with deliveries unfinished",
    ExitCode.UNAVAILABLE: "broker or store unavailable",
    ExitCode.REPLACE: "a handler ran longer than its time limit",
}


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@final
@dataclass(frozen=True, slots=True)
class Restart:
    """Start another child after `delay` seconds; `tries` counts the failures in a row."""

    delay: float
    tries: int


@final
@dataclass(frozen=True, slots=True)
class GiveUp:
    """Stop the other children and end with the child's own exit code."""


Verdict = Restart | GiveUp


def after_exit(exit_: ChildExit, *, tries: int, any_was_ready: bool, backoff: Backoff, rng: random.Random) -> Verdict:
    """Decide what follows the end of a child nobody asked to end.

    `tries` counts its failures in a row before this one, `any_was_ready` tells whether a child of the application has
    ever been ready.
    """
    # Four cases, the first that fits. A configuration that never worked will not work at the next try; one that
    # worked once may have been made wrong on the broker, and be put right there.
    if exit_.code == ExitCode.CONFIGURATION and not any_was_ready:
        return GiveUp()
    if exit_.code == ExitCode.REPLACE:
        return Restart(0.0, 0)
    if exit_.was_ready and exit_.lived >= STEADY:
        return Restart(backoff.delay(0, rng), 1)
    return Restart(backoff.delay(tries, rng), tries + 1)
