"""The chart of a run as an SVG of its own: one panel of bars a measure, written by hand.

Not here: the tables (report.py).
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from bench.figures import Figures, Measure, headline
from bench.peers import RUNNERS, Kind

__all__ = ["draw"]

_COLOURS = {Kind.LIMIT: "#64748b", Kind.REFERENCE: "#cbd5e1", Kind.PEER: "#93c5fd", Kind.WARREN: "#16a34a"}
_KINDS = {runner.name: runner.kind for runner in RUNNERS}
_PANELS = (
    (Measure.PUBLISH, "Publish, each confirmed — messages a second"),
    (Measure.CONSUME, "Consume, validated and acknowledged — messages a second"),
    (Measure.ROUND_TRIP, "One confirmed publish, median — µs, shorter is better"),
    (Measure.LATENCY_SAME, "From publish to handler at the same load, 99th percentile — ms, shorter is better"),
)
_WIDTH, _LEFT, _RIGHT = 860, 200, 80
_BAR, _GAP, _TITLE, _TOP = 18, 6, 40, 56


def draw(figures: Figures, facts: dict[str, Any]) -> str:
    """Return the chart; panels without figures are left out."""
    parts: list[str] = []
    top = _TOP
    for measure, title in _PANELS:
        bars = _bars(figures, measure)
        if bars:
            parts.append(_panel(top, title, bars))
            top += _TITLE + len(bars) * (_BAR + _GAP)
    where = f"{facts['machine']} · {facts['date']} · median of {facts['rounds']}"
    heading = f"{facts['broker']}, {facts['queue_type']} queue, {facts['body_bytes']}-byte persistent JSON"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top + 16}" font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{top + 16}" fill="#ffffff"/>',
            _text(16, 28, heading, size=16, weight="bold"),
            _text(16, 46, where, size=11, fill="#64748b"),
            *parts,
            "</svg>",
            "",
        ]
    )


def _bars(figures: Figures, measure: Measure) -> list[tuple[str, float]]:
    medians = [(name, figures.median(name, measure)) for name in figures.names()]
    return [(name, headline(figure)) for name, figure in medians if figure is not None]


def _panel(top: int, title: str, bars: list[tuple[str, float]]) -> str:
    longest = max(value for _, value in bars)
    parts = [_text(16, top + 26, title, size=13, weight="bold")]
    for row, (name, value) in enumerate(bars):
        y = top + _TITLE - 4 + row * (_BAR + _GAP)
        label = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
        width = max(1.0, value / longest * (_WIDTH - _LEFT - _RIGHT))
        parts += [
            _text(_LEFT - 8, y + 13, name, size=12, anchor="end"),
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2" fill="{_COLOURS[_KINDS[name]]}"/>',
            _text(_LEFT + width + 6, y + 13, label, size=11, fill="#334155"),
        ]
    return "\n".join(parts)


def _text(
    x: float, y: float, text: str, *, size: int, fill: str = "#0f172a", weight: str = "normal", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
