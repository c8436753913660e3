"""The positions of statuses, and what may overwrite what, as pure rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warren.reliability.stores.work_record import WorkRecord, as_json, from_json, furthest, marked
from warren.reliability.work import BEING_ACCEPTED, MAY_BE_SENT, Mark, WorkState, WorkStatus, position_of

counts = st.integers(0, 2**40)
states = st.sampled_from(WorkState)
times = st.none() | st.floats(0, 2**40)
statuses = st.builds(
    WorkStatus,
    id=st.just("w"),
    state=states,
    accepted_at=times,
    started_at=times,
    ended_at=times,
    attempts=counts,
    reason=st.text(),
    error_type=st.text(),
)
writings = st.lists(st.builds(lambda *each: each, states, st.integers(1, 9), st.integers(0, 3)), min_size=1)


@given(states, counts, counts)
def test_every_writing_stands_above_what_is_not_known_to_be_sent(state: WorkState, attempt: int, replays: int) -> None:
    position = position_of(state, attempt=attempt, replays=replays)
    assert BEING_ACCEPTED < MAY_BE_SENT < position <= position_of(WorkState.DONE) < 2**53


@given(counts, counts, counts, counts)
def test_no_attempt_stands_above_the_failure_of_its_round(a: int, b: int, replays: int, other: int) -> None:
    processing = position_of(WorkState.PROCESSING, attempt=a, replays=replays)
    failed = position_of(WorkState.FAILED, attempt=b, replays=replays)
    done = position_of(WorkState.DONE, attempt=a, replays=other)
    assert position_of(WorkState.ACCEPTED) < processing < failed < done


@given(counts, counts, st.integers(0, 1_000))
def test_a_replay_stands_above_the_failure_before_it(a: int, b: int, replays: int) -> None:
    again = position_of(WorkState.PROCESSING, attempt=a, replays=replays + 1)
    assert again > position_of(WorkState.FAILED, attempt=b, replays=replays)


@given(writings, st.randoms())
def test_writings_end_alike_in_any_order_and_any_number(steps: list[tuple[WorkState, int, int]], rng: object) -> None:
    marks = [
        Mark(
            WorkStatus(id="w", state=state, attempts=attempt),
            position_of(state, attempt=attempt, replays=replays),
            60.0,
        )
        for state, attempt, replays in steps
    ]
    shuffled = [*marks, *marks]
    rng.shuffle(shuffled)
    record: WorkRecord | None = None
    for mark in shuffled:
        record = marked(record, mark, 1_000) or record
    assert record is not None
    assert record.position == max(mark.position for mark in marks)
    assert furthest(marks)[0].position == record.position


@given(statuses)
def test_a_status_is_read_as_it_was_written(status: WorkStatus) -> None:
    assert from_json("w", as_json(status)) == status
