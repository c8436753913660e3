"""What ECharts is told to draw a chart.

Not here: which charts there are, and their points (`charts.py`).

Colours are the variables of style.css: charts are drawn as SVG, so they follow the theme without being drawn again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

from warren.dashboard.charts import Drawn, Unit

__all__ = ["options"]

_TEXT: Final = {"color": "var(--muted)", "fontSize": 11}
_RULE: Final = {"color": "var(--line)"}

_LATE: Final = 0.5
"""Of the time axis: a name beside what begins later may not fit at its left end. At the right one it may reach over."""

_NAME: Final = 0.45
"""Of the time axis: what the name of a finding takes. One beside another of the same name has none of its own."""

# JavaScript: ECharts has no other way to write a value in a tooltip.
_WRITTEN: Final = {
    Unit.MESSAGES: "value => value == null ? '–' : Math.round(value).toLocaleString('en')",
    Unit.SECONDS: "value => value == null ? '–' : Number(value.toPrecision(3)) + ' s'",
    Unit.SHARE: "value => value == null ? '–' : Number(value.toPrecision(3)) + ' %'",
    Unit.RATE: "value => value == null ? '–' : Number(value.toPrecision(3)) + '/s'",
}
_ON_AXIS: Final = {Unit.MESSAGES: "{value}", Unit.SECONDS: "{value} s", Unit.SHARE: "{value} %", Unit.RATE: "{value}/s"}


def options(drawn: Drawn) -> dict[str, Any]:
    """Return a chart as ECharts takes it. There are as many series each time, so that they are merged."""
    unit, top = drawn.chart.unit, _top(drawn)
    return {
        "animation": False,
        "useUTC": True,
        "grid": {"left": 58, "right": 14, "top": 12, "bottom": 24},
        "xAxis": {
            "type": "time",
            "min": round(drawn.since * 1000),
            "max": round(drawn.until * 1000),
            "axisLine": {"lineStyle": {"color": "var(--line-strong)"}},
            "axisTick": {"lineStyle": {"color": "var(--line-strong)"}},
            "axisLabel": {**_TEXT, "hideOverlap": True},
            "splitNumber": 4,
        },
        "yAxis": {
            "type": "value",
            "min": 0,
            "max": top,
            "interval": 1 if top == 1 else None,
            "splitNumber": 3,
            **({"minInterval": 1} if unit is Unit.MESSAGES else {}),
            "axisLabel": {**_TEXT, "formatter": _ON_AXIS[unit]},
            "splitLine": {"lineStyle": _RULE},
        },
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "transitionDuration": 0,
            "backgroundColor": "var(--surface)",
            "borderColor": "var(--line-strong)",
            "textStyle": {"color": "var(--text)", "fontSize": 12},
            "axisPointer": {"lineStyle": {"color": "var(--control)"}, "animation": False},
            ":valueFormatter": _WRITTEN[unit],
        },
        "series": [*_series(drawn), _marks(drawn)],
    }


def _top(drawn: Drawn) -> int | None:
    """Where the axis ends; None to leave that to ECharts, which goes beyond 100 %, and from 0 to 0."""
    greatest = max((one.greatest for one in drawn.lines if one.line.is_drawn), default=0.0)
    if greatest <= 0:
        return 1
    return 100 if drawn.chart.unit is Unit.SHARE and 0.5 < greatest <= 1 else None


def _series(drawn: Drawn) -> Iterator[dict[str, Any]]:
    known = {one.line: one for one in drawn.lines}
    lines = [line for line in drawn.chart.lines if line.is_drawn]
    for line in lines:
        colour = f"var(--series-{line.series})"
        points = known[line].points if line in known else ()
        yield {
            "type": "line",
            "name": line.label,
            "data": [[round(time * 1000), _number(value, drawn.chart.unit)] for time, value in points],
            "showSymbol": False,
            "emphasis": {"disabled": True},
            "itemStyle": {"color": colour},
            "lineStyle": {"color": colour, "width": 1.6, "type": line.dash},
            **({"areaStyle": {"color": colour, "opacity": 0.12}} if len(lines) == 1 else {}),
        }


def _marks(drawn: Drawn) -> dict[str, Any]:
    """The findings: spans of time behind the lines, with their names, those of one name in a row of their own."""
    areas: list[Any] = []
    rows: dict[str, int] = {}
    named: dict[str, float] = {}  # where the last name in a row ends, as a share of the axis
    for spell in drawn.spells:
        row = rows.setdefault(spell.finding.id, len(rows))
        tone = f"var(--{spell.finding.severity})"
        start, end = max(spell.began, drawn.since), spell.ended or drawn.until
        whole = (drawn.until - drawn.since) or 1.0
        is_late = start > drawn.since + _LATE * whole
        name_at = (end - drawn.since) / whole - _NAME if is_late else (start - drawn.since) / whole
        is_named = name_at >= named.get(spell.finding.id, -_NAME)
        if is_named:
            named[spell.finding.id] = name_at + _NAME
        label = {
            "show": is_named,
            "color": tone,
            "fontSize": 11,
            "position": "insideTopRight" if is_late else "insideTopLeft",
            "distance": 3,
            "offset": [0, 14 * row],
        }
        began = {
            "name": str(spell.finding.id).replace("_", " "),
            "xAxis": round(start * 1000),
            "itemStyle": {"color": tone, "opacity": 0.13},
            "label": label,
        }
        areas.append([began, {"xAxis": round(end * 1000)}])
    return {"type": "line", "name": "Findings", "data": [], "silent": True, "markArea": {"silent": True, "data": areas}}


def _number(value: float | None, unit: Unit) -> float | None:
    """JSON has no infinity; a share is drawn in per cent. Values are kept with seven digits, all they have."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value * 100 if unit is Unit.SHARE else value:.7g}")
