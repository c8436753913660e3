"""The charts of a queue: which signals are drawn together, and from which points.

Not here: what is kept over time (`history.py`), and what ECharts is told (`echart.py`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, final

from warren.dashboard.history import QueueHistory, Signal, Spell
from warren.dashboard.wording import FILTERS
from warren.signals.findings import FindingId

__all__ = ["CHARTS", "Chart", "Drawn", "DrawnLine", "Line", "Unit", "draw", "thinned"]

Point = tuple[float, float | None]

_BUCKETS: Final = 120
"""A chart has two points of each at most: the least and the most, so that no peak is lost."""

_SHORTEST: Final = 60.0  # seconds that a time axis has at least

_QUEUE_STANDS: Final = frozenset({FindingId.POISON, FindingId.STALLED, FindingId.NO_CONSUMERS, FindingId.BLOCKED})


class Unit(enum.StrEnum):
    """What a value counts. The values are names of filters that write one."""

    MESSAGES = "figure"
    SECONDS = "span"
    SHARE = "percent"
    RATE = "rate"

    def write(self, value: float | None) -> str:
        return str(FILTERS[self.value](value))


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A signal in a chart. Lines differ by their dashes too, not by colour alone.

    One with a `unit` other than its chart's is told in figures beside it, and not drawn.
    """

    signal: Signal
    label: str
    series: int = 1  # the number of its colour
    dash: str = "solid"
    unit: Unit | None = None

    @property
    def is_drawn(self) -> bool:
        return self.unit is None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Signals drawn over each other. `marks` are the findings about them, `unknown` says what it takes to know them.

    A chart with `is_optional` is left out while nothing is known.
    """

    key: str
    title: str
    unit: Unit
    lines: tuple[Line, ...]
    marks: frozenset[FindingId]
    unknown: str = "The broker does not tell."
    is_optional: bool = False


CHARTS: Final = (
    Chart(
        key="depth",
        title="Queue depth",
        unit=Unit.MESSAGES,
        lines=(
            Line(Signal.READY, "Ready", 1),
            Line(Signal.UNACKED, "Unacked", 2, "dashed"),
            Line(Signal.RETRYING, "In retry tiers", 4, "dotted"),
        ),
        marks=_QUEUE_STANDS | {FindingId.FALLING_BEHIND, FindingId.RETRY_STORM},
    ),
    Chart(
        key="dead",
        title="Dead letters",
        unit=Unit.MESSAGES,
        lines=(Line(Signal.DEAD, "In the dead-letter queue", 5),),
        marks=frozenset({FindingId.DEAD_LETTERS_GROWING, FindingId.DEAD_LETTERS_LOST, FindingId.POISON}),
        unknown="The queue has no dead-letter queue beside it.",
    ),
    Chart(
        key="lag",
        title="Consumer lag",
        unit=Unit.SECONDS,
        lines=(
            Line(Signal.LAG_P50, "p50, measured", 3),
            Line(Signal.LAG_P95, "p95, measured", 1, "dashed"),
            Line(Signal.LAG_P99, "p99, measured", 4, "dotted"),
            Line(Signal.LAG_WAIT, "Wait of a new message, estimated", 6),
        ),
        marks=frozenset({FindingId.FALLING_BEHIND, FindingId.NO_CONSUMERS, FindingId.CLOCK_SKEW}),
        unknown="Nothing is delivered, so nothing can be estimated. Workers measure it: name their --metrics.",
    ),
    Chart(
        key="rates",
        title="Messages per second",
        unit=Unit.RATE,
        lines=(
            Line(Signal.PUBLISH_RATE, "Published", 1),
            Line(Signal.DELIVER_RATE, "Delivered", 2, "dotted"),
            Line(Signal.ACK_RATE, "Acknowledged", 3, "dashed"),
        ),
        marks=frozenset({FindingId.STALLED, FindingId.NO_CONSUMERS, FindingId.FALLING_BEHIND, FindingId.BLOCKED}),
        unknown="It takes two samples, and a broker that counts messages.",
    ),
    Chart(
        key="unacked",
        title="Unacked messages",
        unit=Unit.MESSAGES,
        lines=(
            Line(Signal.UNACKED, "Unacked", 2),
            Line(Signal.UTILISATION, "Prefetch in use", unit=Unit.SHARE),
        ),
        marks=frozenset({FindingId.STALLED, FindingId.TIMEOUT_RISK, FindingId.POISON}),
    ),
    Chart(
        key="oldest",
        title="Oldest in flight",
        unit=Unit.SECONDS,
        lines=(Line(Signal.OLDEST_IN_FLIGHT, "Oldest, measured", 4),),
        marks=frozenset({FindingId.STALLED, FindingId.TIMEOUT_RISK}),
        is_optional=True,
    ),
    Chart(
        key="redelivery",
        title="Redelivery rate",
        unit=Unit.SHARE,
        lines=(Line(Signal.REDELIVERY_RATE, "Deliveries that were not the first", 5),),
        marks=frozenset({FindingId.POISON, FindingId.RETRY_STORM}),
        unknown="It takes two samples, and a broker that counts messages.",
    ),
)


# -- what is drawn ---------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line with its points, and in words what somebody reads who does not see it."""

    line: Line
    points: tuple[Point, ...]
    latest: str
    least: str
    most: str
    greatest: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A chart of one queue from `since` to `until`, in seconds since the epoch. `lines` are those that are known."""

    chart: Chart
    lines: tuple[DrawnLine, ...]
    spells: tuple[Spell, ...]
    since: float
    until: float


def draw(chart: Chart, history: QueueHistory, *, span: float) -> Drawn:
    """Take the last `span` seconds of a history; less where it is younger."""
    until = history.times[-1] if history.times else 0.0
    since = max(until - span, min(history.times[0] if history.times else until, until - _SHORTEST))
    first = next((at for at, time in enumerate(history.times) if time >= since), len(history.times))
    times = history.times[first:]
    lines = (_line(chart, line, times, history.series[line.signal][first:], span) for line in chart.lines)
    return Drawn(
        chart=chart,
        lines=tuple(line for line in lines if line is not None),
        spells=tuple(one for one in history.spells if one.finding.id in chart.marks and (one.ended or until) >= since),
        since=since,
        until=until,
    )


def _line(
    chart: Chart, line: Line, times: Sequence[float], values: Sequence[float | None], span: float
) -> DrawnLine | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    points = tuple(zip(times, values, strict=True))
    if len(points) > 2 * _BUCKETS:
        points = thinned(points, width=span / _BUCKETS)
    write = (line.unit or chart.unit).write
    return DrawnLine(line, points, write(values[-1]), write(min(known)), write(max(known)), max(known))


def thinned(points: Sequence[Point], *, width: float) -> tuple[Point, ...]:
    """Keep the least and the most of every `width` seconds, in their order, and a gap where there is nothing else.

    The buckets begin at fixed times, so that a chart does not flicker as it moves on.
    """
    kept: list[Point] = []
    bucket: list[Point] = []
    for point in points:
        if bucket and point[0] // width != bucket[0][0] // width:
            kept.extend(_ends(bucket))
            bucket = []
        bucket.append(point)
    kept.extend(_ends(bucket))
    return tuple(kept)


def _ends(bucket: Sequence[Point]) -> Iterator[Point]:
    known = [(value, time) for time, value in bucket if value is not None]
    if not known:
        yield from bucket[:1]
        return
    (least, least_at), (most, most_at) = min(known), max(known)
    first, last = sorted([(least_at, least), (most_at, most)])
    yield first
    if first != last:
        yield last
