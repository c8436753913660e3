"""Where boxes and arrows stand in the picture of a queue's route."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.dashboard.fragment import TEMPLATES
from warren.dashboard.picture import Box, Note, Picture, Shape, told_keys
from warren.dashboard.picture_tall import draw_tall
from warren.dashboard.picture_wide import draw_wide
from warren.dashboard.route import Known, Reason, Route, Spot, Way, route_of
from warren.topology import Binding, DestinationKind
from warren.topology.actual import Actual, ActualExchange, ActualQueue

TO_EXCHANGE = DestinationKind.EXCHANGE
EXCHANGES = ("orders", "audit", "root", "a-name-that-is-much-too-long-for-any-box-of-any-picture")
NAMES = st.sampled_from(EXCHANGES)

BINDINGS = st.lists(
    st.one_of(
        st.builds(lambda source, key: Binding(source, "q", routing_key=key), NAMES, st.text(max_size=60)),
        st.builds(lambda source, target: Binding(source, target, TO_EXCHANGE, "#"), NAMES, NAMES),
        st.builds(lambda key: Binding("dlx", "graves", routing_key=key), st.text(max_size=9)),
    ),
    max_size=12,
)


def route(bindings: list[Binding], tiers: int = 0, *, exchange: str = "dlx") -> Route:
    settings = {"x-dead-letter-exchange": exchange, "x-dead-letter-routing-key": "q.dead"}
    queues = [
        ActualQueue(name="q", type="quorum", arguments=settings),
        ActualQueue(name="graves", type="classic"),
        *(ActualQueue(name=f"q.retry.{number + 1}s", type="quorum") for number in range(tiers)),
    ]
    exchanges = [ActualExchange(name=name, type="topic") for name in (*EXCHANGES, "dlx")]
    found = route_of("q", Actual.of(exchanges, queues, bindings))
    assert found is not None
    return found


def note(spot: Spot) -> Note:
    return Note(f"a {spot.kind}")


def is_over(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom


def named(picture: Picture, shape: Shape) -> list[str]:
    return [box.title for box in picture.boxes if box.shape is shape]


@given(BINDINGS, st.integers(0, 6))
def test_boxes_stand_within_the_picture_and_never_on_each_other(bindings: list[Binding], tiers: int) -> None:
    for drawn in (draw_wide(route(bindings, tiers), note), draw_tall(route(bindings, tiers), note)):
        assert not [(one, other) for one, other in combinations(drawn.boxes, 2) if is_over(one, other)]
        for box in drawn.boxes:
            assert 0 <= box.x < box.right <= drawn.width
            assert 0 <= box.y < box.bottom <= drawn.height


@given(BINDINGS, st.integers(0, 6))
def test_both_layouts_have_the_same_boxes(bindings: list[Binding], tiers: int) -> None:
    found = route(bindings, tiers)

    def told(drawn: Picture) -> list[tuple[str, str]]:
        return sorted((str(box.shape), box.title) for box in drawn.boxes)

    assert told(draw_wide(found, note)) == told(draw_tall(found, note))


@given(BINDINGS)
def test_every_spot_of_a_route_is_in_its_picture(bindings: list[Binding]) -> None:
    found = route(bindings, 2)
    drawn = draw_wide(found, note)
    spots = {way.source.name for way in found.into} | {way.target.name for way in found.out} | {"q"}
    assert spots <= {box.spot.name for box in drawn.boxes if box.spot is not None}
    assert named(drawn, Shape.TIER) == ["q.retry.1s", "q.retry.2s"]


def test_a_way_that_closes_a_circle_is_left_out_of_the_picture() -> None:
    circle = [Binding("orders", "q", routing_key="x")]
    circle += [Binding("audit", "orders", TO_EXCHANGE, "a"), Binding("orders", "audit", TO_EXCHANGE, "b")]
    assert sorted(named(draw_wide(route(circle), note), Shape.MESSAGES)) == ["a", "dead letters, as q.dead", "x"]


def test_a_straight_way_is_drawn_straight() -> None:
    drawn = draw_wide(route([Binding("orders", "q", routing_key="x")], exchange=""), note)
    assert all(re.fullmatch(r"M[\d.]+ 23H[\d.]+", arrow.path) for arrow in drawn.arrows)
    assert [arrow.has_head for arrow in drawn.arrows] == [False, True, False, True]


def test_a_long_name_keeps_its_beginning_and_its_end_and_its_title() -> None:
    long = EXCHANGES[-1]
    box = next(one for one in draw_wide(route([Binding(long, "q")]), note).boxes if one.title == long)
    assert len(box.text) == 32
    start, end = box.text.split("…")
    assert long.startswith(start)
    assert long.endswith(end)


def spot(name: str, kind: str = "topic") -> Spot:
    return Spot(TO_EXCHANGE, name, kind)


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (Way(source=spot("x", "fanout"), target=spot("y"), reason=Reason.BINDING, keys=("a",)), "every message"),
        (Way(source=spot("x"), target=spot("y"), reason=Reason.BINDING, keys=("a", "")), "a, (no key)"),
        (Way(source=spot("x"), target=spot("y"), reason=Reason.DEAD_LETTER, keys=("a",)), "dead letters, as a"),
        (Way(source=spot("x"), target=spot("y"), reason=Reason.DELAY), "after the delay"),
    ],
)
def test_which_messages_take_a_way_is_said_in_words(way: Way, told: str) -> None:
    assert told_keys(way) == told


def test_a_binding_only_one_side_knows_is_marked_in_words() -> None:
    ways = tuple(
        Way(source=spot("x"), target=Spot(DestinationKind.QUEUE, "q"), reason=Reason.BINDING, keys=(key,), known=known)
        for key, known in (("a", Known.MISSING), ("b", Known.UNDECLARED))
    )
    drawn = draw_wide(Route(queue=Spot(DestinationKind.QUEUE, "q"), into=ways), note)
    pills = [(box.text, box.title, box.note.tone) for box in drawn.boxes if box.shape is Shape.MESSAGES]
    assert pills == [("a · missing", "a (missing)", "warning"), ("b · undeclared", "b (undeclared)", "info")]


def test_names_of_a_broker_stay_text_in_the_svg() -> None:
    drawn = draw_wide(route([Binding("orders", "q", routing_key="<script>alert(1)</script>")]), note)
    template = TEMPLATES.from_string(
        '{% from "picture.html" import picture %}{{ picture(drawn, "wide", url, "\\"><b>") }}'
    )
    svg = template.render(drawn=drawn, url=lambda *steps: "/".join(steps))
    assert "<script>" not in svg
    assert "<b>" not in svg
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in svg
