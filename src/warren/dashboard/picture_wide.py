"""The wide picture of a route: columns from left to right.

Not here: its boxes (`picture.py`), and the layout for narrow windows (`picture_tall.py`).

Columns are exchanges, what they ask for, the queue with its retry tiers below it, and where its dead letters go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from warren.dashboard.picture import (
    GAP,
    HEIGHT,
    INDENT,
    ROW,
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
from warren.dashboard.route import Route

__all__ = ["draw_wide"]


@final
class _Columns:
    """Boxes in columns, from left to right; a row is as high in all of them."""

    def __init__(self) -> None:
        self._columns: dict[int, list[Box]] = {}
        self._places: dict[object, tuple[int, int]] = {}

    def add(self, column: int, key: object, box: Box) -> None:
        boxes = self._columns.setdefault(column, [])
        self._places[key] = column, len(boxes)
        boxes.append(box)

    def placed(self) -> dict[object, Box]:
        """Return where the boxes stand."""
        left, x = {}, 0.0
        for column in sorted(self._columns):
            left[column] = x
            x += max(box.width for box in self._columns[column]) + GAP
        return {
            key: self._stand(self._columns[column], row, left[column]) for key, (column, row) in self._places.items()
        }

    @staticmethod
    def _stand(boxes: Sequence[Box], row: int, x: float) -> Box:
        box, widest = boxes[row], max(one.width for one in boxes)
        y = row * ROW + (HEIGHT - box.height) / 2
        if box.shape is Shape.MESSAGES:
            return placed_at(box, x + (widest - box.width) / 2, y)
        return placed_at(box, x, y, widest)


def draw_wide(route: Route, annotate: Annotate) -> Picture:
    """Draw a route from left to right."""
    graph = Graph.of(route)
    boxes, arrows = _flow(graph, annotate)
    own = boxes[route.queue]
    tiers, around, captions = tiers_below(graph, own, annotate)
    every = (*boxes.values(), *tiers)
    return Picture(
        width=max(box.right for box in every) + 2,
        height=max(box.bottom for box in every) + 2,
        boxes=every,
        arrows=(*arrows, *around),
        captions=captions,
    )


def _flow(graph: Graph, annotate: Annotate) -> tuple[dict[object, Box], list[Arrow]]:
    """Place all but the tiers. Spots have the even columns, messages on their way the odd ones between them."""
    columns, depths, distances = _Columns(), graph.depths(), graph.distances()
    own = graph.route.queue
    widest_tier = max((spot_box(one, Shape.TIER, annotate).width + 2 * INDENT for one in graph.tiers), default=0.0)
    columns.add(0, own, _widened(spot_box(own, Shape.SELF, annotate), widest_tier))
    for spot, depth in depths.items():
        if depth:
            columns.add(-2 * depth, ("into", spot), spot_box(spot, shape_of(spot), annotate))
    for spot, distance in distances.items():
        if distance:
            columns.add(2 * distance, ("out", spot), spot_box(spot, shape_of(spot), annotate))
    links: list[tuple[object, object, object]] = []
    for way in graph.into:
        target = own if way.target == own else ("into", way.target)
        columns.add(-2 * depths[way.target] - 1, way, way_box(way))
        links.append((("into", way.source), way, target))
    for way in graph.route.out:
        if way.source in distances and distances[way.target] > distances[way.source]:
            source = own if way.source == own else ("out", way.source)
            columns.add(2 * distances[way.source] + 1, ("out", way), way_box(way))
            links.append((source, ("out", way), ("out", way.target)))
    placed = columns.placed()
    arrows = [
        arrow
        for source, way_, target in links
        for arrow in (_curve(placed[source], placed[way_], has_head=False), _curve(placed[way_], placed[target]))
    ]
    return placed, arrows


def _widened(box: Box, width: float) -> Box:
    return placed_at(box, 0, 0, max(box.width, width))


def _curve(source: Box, target: Box, *, has_head: bool = True) -> Arrow:
    x1, y1, x2, y2 = source.right, source.middle, target.x - (5 if has_head else 0), target.middle
    bend = max(10.0, (x2 - x1) / 2)
    if y1 == y2:
        return Arrow(f"M{x1:g} {y1:g}H{x2:g}", has_head)
    return Arrow(f"M{x1:g} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2:g} {y2:g}", has_head)
