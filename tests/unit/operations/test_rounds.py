"""How many messages a round takes.

Not here: taking them (tests/contract/test_lease_order.py).
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warren.operations.lease import Rounds


def test_rounds_grow_to_the_largest_prefetch_where_messages_are_small() -> None:
    rounds = Rounds()
    sizes = [rounds.first]
    for _ in range(5):
        sizes.append(rounds.following(sizes[-1], taken=sum(sizes), size=sum(sizes) * 500))
    assert sizes == [100, 800, 6_400, 51_200, 65_535, 65_535]


def test_a_round_of_large_messages_is_about_64_megabytes() -> None:
    assert Rounds().following(100, taken=100, size=100 * 1024 * 1024) == 64


@given(st.integers(1, 65_535), st.integers(1, 10**7), st.integers(0, 10**12))
def test_every_round_takes_something_and_no_more_than_a_prefetch_holds(previous: int, taken: int, size: int) -> None:
    assert 1 <= Rounds().following(previous, taken=taken, size=size) <= 65_535
