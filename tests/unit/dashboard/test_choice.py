"""Whether two choices of messages may have one in common, as far as they tell: which changes a page shows."""

from __future__ import annotations

import pytest

from warren.dashboard.changes.choice import Choice

MESSAGE = Choice(queue="q.dead", keys=("a",), fingerprint="F")
FAILURE = Choice(queue="q.dead", fingerprint="F")


@pytest.mark.parametrize(
    ("place", "other", "may_share"),
    [
        (MESSAGE, Choice(queue="q.dead"), True),
        (MESSAGE, Choice(queue="q.dead", keys=("b", "a")), True),
        (MESSAGE, Choice(queue="q.dead", keys=("b",), fingerprint="F"), False),
        (MESSAGE, Choice(queue="q.dead", fingerprint="G"), False),
        (FAILURE, MESSAGE, True),
        (FAILURE, Choice(queue="q.dead", filters=("type=t",)), True),
        (FAILURE, Choice(queue="q.dead", fingerprint="G"), False),
        (Choice(queue="q.dead"), MESSAGE, True),
        (Choice(queue="p.dead"), MESSAGE, False),
    ],
)
def test_a_change_is_shown_where_it_may_have_touched_what_is_shown(
    place: Choice, other: Choice, may_share: bool
) -> None:
    assert place.may_share(other) is may_share
    assert other.may_share(place) is may_share
