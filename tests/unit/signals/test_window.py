"""The window of a queue: the part a rule wants to see, and its thirds.

Not here: what is computed over it (test_measure.py).
"""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.windows import QUEUE, queue
from warren.signals.samples import Sample
from warren.signals.window import QueueWindow, windows


def over(times: list[float]) -> QueueWindow:
    (found,) = windows([Sample(at=at, time=at, queues={QUEUE: queue(ready=n)}) for n, at in enumerate(times)])
    return found


def test_a_window_that_is_long_enough_is_cut_to_its_newest_part() -> None:
    part = over([0, 10, 20, 30, 40]).covering(15, 600)
    assert part is not None
    assert part.queue.times == (20, 30, 40)


def test_a_shorter_one_is_taken_whole_where_patience_is_shorter_still() -> None:
    found = over([0, 10, 20])
    assert found.covering(300, 20) == found
    assert found.covering(300, 21) is None
    assert over([5]).covering(300, 0) is None


def test_thirds_have_their_ends_in_common() -> None:
    parts = over([0, 4, 8, 12, 16, 20, 24, 28]).parts()
    assert [part.queue.times for part in parts] == [(0, 4, 8), (8, 12, 16, 20), (20, 24, 28)]


def test_a_third_ends_where_the_broker_has_told_something_new() -> None:
    """It tells every nine seconds here: between 7 and 14 nothing is new."""
    told = [Sample(at=at, time=at, queues={QUEUE: queue(ready=(at + 2) // 9)}) for at in range(21)]
    (found,) = windows(told)
    assert [part.queue.times[-1] for part in found.parts()] == [7, 16, 20]
    assert all(part.queue.growth for part in found.parts()[:2])


def test_what_is_new_at_the_end_only_does_not_draw_thirds_there() -> None:
    told = [Sample(at=at, time=at, queues={QUEUE: queue(ready=max(at - 24, 0))}) for at in range(31)]
    (found,) = windows(told)
    assert [part.queue.times[-1] for part in found.parts()] == [10, 25, 30]
    assert found.parts()[0].queue.growth == 0


def test_three_samples_make_halves_and_fewer_make_nothing() -> None:
    assert [part.queue.times for part in over([0, 1, 30]).parts()] == [(0, 1), (1, 30)]
    assert over([0, 1]).parts() == ()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30, unique=True))
def test_parts_make_up_the_window(times: list[int]) -> None:
    ordered = [float(at) for at in sorted(times)]
    parts = over(ordered).parts()
    assert len(parts) == (0 if len(times) < 3 else min(len(times) - 1, 3))
    for part in parts:
        assert part.seconds > 0
    for earlier, later in pairwise(parts):
        assert earlier.queue.times[-1] == later.queue.times[0]
    if parts:
        assert sum(part.queue.growth for part in parts) == len(times) - 1


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30, unique=True), st.integers(1, 2000), st.integers(0, 2000))
def test_what_covers_a_time_lasts_as_long_or_as_long_as_patience(
    times: list[int], wanted: float, patience: float
) -> None:
    found = over([float(at) for at in sorted(times)])
    part = found.covering(wanted, patience)
    if part is None:
        assert found.seconds < wanted
        assert found.seconds < patience
    else:
        assert part.seconds >= min(wanted, patience)
        assert part.queue.times[-1] == found.queue.times[-1]
