"""Loss of power at any moment of any history: what was promised holds.

Promised: a message whose point is flushed comes back unless it left its queue; one that left, and that is flushed, does
not; what is done in one turn of the loop happens as a whole or not at all; order and bytes are kept.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.broker.storage.worlds import World

OPERATIONS = st.one_of(
    st.tuples(st.just("publish"), st.integers(1, 7), st.sampled_from([0, 10, 90, 300])),
    st.tuples(st.just("publish"), st.integers(1, 7), st.sampled_from([10, 90])),
    st.tuples(st.just("acknowledge"), st.integers(0, 40), st.integers(1, 8)),
    st.tuples(st.just("acknowledge"), st.integers(0, 3), st.integers(1, 8)),
    st.tuples(st.just("burst"), st.sampled_from([1, 2, 4, 3]), st.sampled_from([10, 40])),
    st.tuples(st.just("burst"), st.sampled_from([1, 2, 4, 3]), st.sampled_from([10, 40])),
    st.tuples(st.just("sweep"), st.just(0), st.just(0)),
    st.tuples(st.just("move"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("requeue"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("load"), st.integers(0, 40), st.just(0)),
    st.tuples(st.just("delete"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("fail"), st.integers(1, 5), st.just(0)),
    st.tuples(st.just("turn"), st.just(0), st.just(0)),
    st.tuples(st.just("write"), st.just(0), st.just(0)),
    st.tuples(st.just("drain"), st.just(0), st.just(0)),
    st.tuples(st.just("drain"), st.just(0), st.just(0)),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
)


@given(
    history=st.lists(OPERATIONS, min_size=1, max_size=60),
    seed=st.integers(0, 1 << 30),
    more=st.lists(OPERATIONS, max_size=30),
)
@settings(max_examples=60)
def test_whatever_a_loss_of_power_leaves_keeps_every_promise(history, seed, more) -> None:
    dice = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), dice)
        try:
            for operation, number, size in history:
                getattr(world, operation)(number, size)
            world.drain()
            world.check_crashes()
            world.go_on_after_a_crash()
            for operation, number, size in more:
                getattr(world, operation)(number, size)
            world.drain()
            world.check_crashes()
            world.restart()
        finally:
            world.end()
