"""Turns with a queue: who waits for one is let go where the dashboard ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.waiting import wait_until
from warren.dashboard.turns import Turns
from warren.errors import WarrenError


def test_nobody_waits_for_a_turn_beyond_the_end_of_the_dashboard() -> None:
    turns = Turns()

    def wait() -> None:
        with turns.take("q.dead", "a count", timeout=60.0):
            raise AssertionError("it was never free")

    with ThreadPoolExecutor(1) as pool, turns.take("q.dead", "a job that does not stop"):
        waiting = pool.submit(wait)
        wait_until(waiting.running)
        turns.stop()
        with pytest.raises(WarrenError, match="the dashboard is ending"):
            waiting.result(30.0)


def test_a_turn_that_is_free_is_taken_and_given_back() -> None:
    turns = Turns()
    with turns.take("q.dead", "a look"), turns.take_if_free("q.dead", "another") as is_ours:
        assert not is_ours
    with turns.take_if_free("q.dead", "another") as is_ours:
        assert is_ours
