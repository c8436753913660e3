"""The route of a queue as a picture: where each box stands and how the arrows run, in units of an SVG.

Not here: what leads where (`route.py`), the two layouts (`picture_wide.py`, `picture_tall.py`), and the SVG itself
(`templates/picture.html`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, final

from warren.dashboard.route import Known, Reason, Route, Spot, Way
from warren.topology.model import DestinationKind

__all__ = [
    "GAP",
    "HEIGHT",
    "INDENT",
    "ROW",
    "Annotate",
    "Arrow",
    "Box",
    "Graph",
    "Note",
    "Picture",
    "Shape",
    "placed_at",
    "shape_of",
    "spot_box",
    "tiers_below",
    "told_keys",
    "way_box",
]

_CHAR: Final = 7.3  # the width of a character of a name
HEIGHT: Final = 46
_PILL: Final = 26
ROW: Final = 60
GAP: Final = 30
_TIERS: Final = 44  # between a queue and its first tier
INDENT: Final = 26  # of the tiers, so that arrows pass beside them
_LONGEST, _LONGEST_KEY = 32, 26  # characters


class Shape(StrEnum):
    """What a box stands for."""

    EXCHANGE = "exchange"
    QUEUE = "queue"
    SELF = "self"  # the queue it is all about
    TIER = "tier"
    MESSAGES = "messages"  # which messages take a way: a pill on its arrow


@final
@dataclass(frozen=True, slots=True)
class Note:
    """What is written below a name. `tone` is one of the tones of the pages, or empty."""

    text: str
    tone: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A box. `text` may be shortened, `title` is not. `spot` is None for messages on their way."""

    shape: Shape
    x: float
    y: float
    width: float
    height: float
    text: str
    title: str
    note: Note = Note("")
    spot: Spot | None = None

    @property
    def middle(self) -> float:
        return self.y + self.height / 2

    @property
    def center(self) -> float:
        return self.x + self.width / 2

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


@final
@dataclass(frozen=True, slots=True)
class Arrow:
    """A path with a head at its end, or without."""

    path: str
    has_head: bool = True


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Boxes and arrows within `width` and `height`. `captions` are words beside arrows: x, y, text, its anchor."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    captions: tuple[tuple[float, float, str, str], ...] = ()


Annotate = Callable[[Spot], Note]


def told_keys(way: Way) -> str:
    """Say which messages take a way."""
    if way.reason in (Reason.DEAD_LETTER, Reason.DELAY):
        return f"{way.reason}{''.join(f', as {key}' for key in way.keys)}"
    if way.source.type == "fanout":
        return "every message"
    return ", ".join(key or "(no key)" for key in way.keys) or "every message"


# -- what both layouts share ----------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Graph:
    """The ways to be drawn: those into the queue without the ones that close a circle."""

    route: Route
    into: tuple[Way, ...]

    @classmethod
    def of(cls, route: Route) -> Graph:
        kept: list[Way] = []
        for way in route.into:
            if way.source not in _downstream(way.target, kept):
                kept.append(way)
        return cls(route, tuple(kept))

    def depths(self) -> dict[Spot, int]:
        """How many steps before the queue a spot is, by the longest way."""
        found = {self.route.queue: 0}
        for _ in self.into:
            for way in self.into:
                if way.target in found:
                    found[way.source] = max(found.get(way.source, 0), found[way.target] + 1)
        return found

    def distances(self) -> dict[Spot, int]:
        """How many steps behind the queue a spot is."""
        found = {self.route.queue: 0}
        for way in self.route.out:
            if way.source in found:
                found.setdefault(way.target, found[way.source] + 1)
        return found

    @property
    def tiers(self) -> tuple[Spot, ...]:
        return tuple(Spot(DestinationKind.QUEUE, tier.name) for tier in self.route.tiers)


def _downstream(spot: Spot, ways: Sequence[Way]) -> set[Spot]:
    found = {spot}
    for _ in ways:
        found |= {way.target for way in ways if way.source in found}
    return found


def spot_box(spot: Spot, shape: Shape, annotate: Annotate, longest: int = _LONGEST) -> Box:
    name = spot.name or "(default exchange)"
    note = annotate(spot)
    text = _cut(name, longest)
    width = max(110.0, 24 + _CHAR * max(len(text), 0.9 * len(note.text)))
    return Box(shape=shape, x=0, y=0, width=width, height=HEIGHT, text=text, title=name, note=note, spot=spot)


def way_box(way: Way, longest: int = _LONGEST_KEY) -> Box:
    told = told_keys(way)
    title = f"{told} ({way.known})" if way.known is not Known.AGREED else told
    mark = {Known.AGREED: "", Known.MISSING: " · missing", Known.UNDECLARED: " · undeclared"}[way.known]
    text = _cut(_few(way, told, longest - len(mark)), longest - len(mark)) + mark
    tone = {Known.AGREED: "", Known.MISSING: "warning", Known.UNDECLARED: "info"}[way.known]
    width = 18 + 0.95 * _CHAR * len(text)
    note = Note("", tone)
    return Box(shape=Shape.MESSAGES, x=0, y=0, width=width, height=_PILL, text=text, title=title, note=note)


def _few(way: Way, told: str, longest: int) -> str:
    """As many keys as there is room for, and how many more there are."""
    if len(told) <= longest or len(way.keys) < 2:
        return told
    more = f" +{len(way.keys) - 1}"
    return _cut(way.keys[0], longest - len(more)) + more


def _cut(text: str, most: int) -> str:
    """Leave the middle of a long name out: its end tells as much as its beginning."""
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[len(text) - tail :]}"


def shape_of(spot: Spot) -> Shape:
    return Shape.EXCHANGE if spot.kind is DestinationKind.EXCHANGE else Shape.QUEUE


def placed_at(box: Box, x: float, y: float, width: float | None = None) -> Box:
    return replace(box, x=round(x, 1), y=round(y, 1), width=round(box.width if width is None else width, 1))


def tiers_below(
    graph: Graph, own: Box, annotate: Annotate
) -> tuple[tuple[Box, ...], tuple[Arrow, ...], tuple[tuple[float, float, str, str], ...]]:
    """Place the tiers below their queue: down to each at the left, back up from all of them at the right."""
    if not graph.tiers:
        return (), (), ()
    boxes = tuple(
        placed_at(
            spot_box(spot, Shape.TIER, annotate),
            own.x + INDENT,
            own.bottom + _TIERS + row * (ROW - 4),
            own.width - 2 * INDENT,
        )
        for row, spot in enumerate(graph.tiers)
    )
    down, up = own.x + INDENT / 2, own.right - INDENT / 2
    arrows = [Arrow(f"M{down:g} {own.bottom:g}V{box.middle:g}H{box.x - 5:g}") for box in boxes]
    arrows += [Arrow(f"M{box.right:g} {box.middle:g}H{up:g}", has_head=False) for box in boxes]
    arrows.append(Arrow(f"M{up:g} {boxes[-1].middle:g}V{own.bottom + 5:g}"))
    words = own.bottom + _TIERS / 2 + 4
    captions = ((down + 8, words, "retry", "start"), (up - 8, words, "after the delay", "end"))
    return boxes, tuple(arrows), captions
