"""What follows from the end of a worker process, as a table."""

from __future__ import annotations

import random
import signal

import pytest

from warren.reliability.backoff import Backoff
from warren.worker.exits import STEADY, ChildExit, ExitCode, GiveUp, Restart, after_exit


class Longest(random.Random):
    """Draws the upper end of every range, so that a delay shows its ceiling."""

    def uniform(self, a: float, b: float) -> float:
        return b


BACKOFF = Backoff(base=0.5, cap=30.0)
CONFIGURATION = ExitCode.CONFIGURATION
KILLED = -signal.SIGKILL
LONG = STEADY + 1


@pytest.mark.parametrize(
    ("code", "was_ready", "lived", "tries", "any_was_ready", "expected"),
    [
        # a configuration that never worked
        (CONFIGURATION, False, 1.0, 0, False, GiveUp()),
        (CONFIGURATION, False, 1.0, 7, False, GiveUp()),
        # one that worked, in this child or in another
        (CONFIGURATION, True, 1.0, 0, True, Restart(0.5, 1)),
        (CONFIGURATION, False, 1.0, 2, True, Restart(2.0, 3)),
        # a handler ran too long: at once, and no failure of the process
        (ExitCode.REPLACE, True, 1.0, 0, True, Restart(0.0, 0)),
        (ExitCode.REPLACE, True, LONG, 5, True, Restart(0.0, 0)),
        # killed or crashed: with back-off, which grows while it repeats
        (KILLED, True, 1.0, 0, True, Restart(0.5, 1)),
        (KILLED, False, 1.0, 1, False, Restart(1.0, 2)),
        (ExitCode.FAILED, False, 1.0, 3, False, Restart(4.0, 4)),
        (ExitCode.UNAVAILABLE, False, 1.0, 4, False, Restart(8.0, 5)),
        (ExitCode.FAILED, False, 1.0, 50, False, Restart(30.0, 51)),
        # it had recovered: the back-off starts anew
        (KILLED, True, LONG, 9, True, Restart(0.5, 1)),
        # long-lived but never ready is no recovery
        (KILLED, False, LONG, 3, False, Restart(4.0, 4)),
        # stopped by somebody else: the place is filled again
        (ExitCode.OK, True, 1.0, 0, True, Restart(0.5, 1)),
        (ExitCode.UNFINISHED, True, 1.0, 0, True, Restart(0.5, 1)),
    ],
)
def test_what_follows_from_an_exit(
    code: int, was_ready: bool, lived: float, tries: int, any_was_ready: bool, expected: Restart | GiveUp
) -> None:
    verdict = after_exit(
        ChildExit(code, was_ready, lived), tries=tries, any_was_ready=any_was_ready, backoff=BACKOFF, rng=Longest()
    )
    assert verdict == expected


@pytest.mark.parametrize(
    ("exit_", "reason"),
    [
        (ChildExit(2, False, 0.0, "the store is read-only"), "the store is read-only"),
        (ChildExit(-9, True, 0.0), "killed by SIGKILL"),
        (ChildExit(-64, True, 0.0), "killed by SIGRTMAX"),
        (ChildExit(-99, True, 0.0), "killed by signal 99"),
        (ChildExit(75, True, 0.0), "a handler ran longer than its time limit"),
        (ChildExit(0, True, 0.0), "stopped, but not by its supervisor"),
        (ChildExit(77, True, 0.0), "ended unexpectedly"),
    ],
)
def test_an_exit_says_why(exit_: ChildExit, reason: str) -> None:
    assert exit_.reason == reason
