"""The tall picture of a route, for narrow windows: all boxes below each other.

Not here: its boxes (`picture.py`), and the layout for wide windows (`picture_wide.py`).

Arrows that pass a box run along the left edge towards the queue, and along the right edge away from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, final

from warren.dashboard.picture import (
    GAP,
    Annotate,
    Arrow,
    Box,
    Graph,
    Picture,
    Shape,
    placed_at,
    shape_of,
    spot_box,
    tiers_below,
    way_box,
)
from warren.dashboard.route import Route, Spot, Way

__all__ = ["draw_tall"]

_EDGE: Final = 18  # where arrows pass
_WIDTH: Final = 340
_LONGEST: Final = 38  # characters


def draw_tall(route: Route, annotate: Annotate) -> Picture:
    """Draw a route from top to bottom, for a narrow window."""
    graph = Graph.of(route)
    stack = _Stack(annotate)
    stack.before(route.queue, graph.into)
    stack.spot(route.queue, Shape.SELF)
    own = stack.boxes[route.queue]
    tiers, around, captions = tiers_below(graph, own, annotate)
    if tiers:
        stack.y = tiers[-1].bottom + GAP
    stack.after(route.out)
    boxes = (*stack.boxes.values(), *tiers)
    return Picture(
        width=_WIDTH,
        height=max(box.bottom for box in boxes) + 2,
        boxes=boxes,
        arrows=(*stack.arrows(), *around),
        captions=captions,
    )


@final
class _Stack:
    """Boxes below each other, and the arrows between them."""

    def __init__(self, annotate: Annotate) -> None:
        self.boxes: dict[object, Box] = {}
        self.y = 0.0
        self._annotate = annotate
        self._links: list[tuple[object, object, bool]] = []  # from, to, and whether it leads away from the queue

    def spot(self, spot: Spot, shape: Shape, key: object = None) -> None:
        self._put(spot if key is None else key, spot_box(spot, shape, self._annotate, _LONGEST), is_wide=True)

    def before(self, spot: Spot, ways: Iterable[Way]) -> None:
        """Stack what leads to a spot, the farthest first."""
        for way in (one for one in ways if one.target == spot):
            if way.source not in self.boxes:
                self.before(way.source, ways)
                self.spot(way.source, shape_of(way.source))
            self._put(way, way_box(way, _LONGEST))
            self._links += [(way.source, way, False), (way, spot, False)]

    def after(self, ways: Iterable[Way]) -> None:
        """Stack what a queue leads to."""
        for way in ways:
            source = ("out", way.source) if ("out", way.source) in self.boxes else way.source
            if source not in self.boxes:
                continue
            self._put(("out", way), way_box(way, _LONGEST))
            if ("out", way.target) not in self.boxes:
                self.spot(way.target, shape_of(way.target), ("out", way.target))
            self._links += [(source, ("out", way), True), (("out", way), ("out", way.target), True)]

    def arrows(self) -> Iterator[Arrow]:
        inner = _WIDTH - 2 * _EDGE
        for source, target, is_away in self._links:
            one, other = self.boxes[source], self.boxes[target]
            has_head = other.shape is not Shape.MESSAGES
            end = 5 if has_head else 0
            if other.y - one.bottom <= GAP:
                yield Arrow(f"M{_EDGE + inner / 2:g} {one.bottom:g}V{other.y - end:g}", has_head)
            elif is_away:
                x = _WIDTH - 4
                yield Arrow(f"M{one.right:g} {one.middle:g}H{x:g}V{other.middle:g}H{other.right + end:g}", has_head)
            else:
                yield Arrow(f"M{one.x:g} {one.middle:g}H4V{other.middle:g}H{other.x - end:g}", has_head)

    def _put(self, key: object, box: Box, *, is_wide: bool = False) -> None:
        inner = _WIDTH - 2 * _EDGE
        width = inner if is_wide else min(box.width, inner)
        self.boxes[key] = placed_at(box, _EDGE + (inner - width) / 2, self.y, width)
        self.y += box.height + (GAP - 6)
