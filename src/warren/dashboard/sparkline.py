"""A handful of numbers as a line so small that it stands in a row of a table.

Not here: charts with axes (`charts.py`), and how the line is drawn (`templates/parts.html`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, final

__all__ = ["Spark", "spark"]

_WIDTH: Final = 88
_HEIGHT: Final = 22
_EDGE: Final = 1.5  # room for the stroke at the top and at the bottom


@final
@dataclass(frozen=True, slots=True)
class Spark:
    """The paths of an SVG of `width` by `height`, and what they show in words. `is_flat` where all are zero."""

    line: str
    area: str
    told: str
    is_flat: bool = False
    width: int = _WIDTH
    height: int = _HEIGHT


def spark(values: Iterable[float | None]) -> Spark:
    """Draw numbers from zero to the highest of them, oldest first. What is not known is a gap."""
    numbers = [None if value is None or not math.isfinite(value) else float(value) for value in values]
    known = [number for number in numbers if number is not None]
    if len(known) < 2:  # a line begins with the second
        return Spark("", "", f"now {_short(known[0])}" if known else "not known")
    low, high = min(0.0, *known), max(0.0, *known)
    reach = high - low or 1.0
    step = _WIDTH / max(1, len(numbers) - 1)
    runs = [
        [(at * step, _HEIGHT - _EDGE - (number - low) / reach * (_HEIGHT - 2 * _EDGE)) for at, number in _bends(run)]
        for run in _runs(numbers)
    ]
    line = "".join(_path(run) for run in runs)
    area = "".join(f"{_path(run)}V{_HEIGHT}H{run[0][0]:.1f}Z" for run in runs if len(run) > 1)
    told = f"now {_short(known[-1])}, lowest {_short(min(known))}, highest {_short(max(known))}"
    return Spark(line, area, told, is_flat=not any(known))


def _runs(numbers: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    runs: list[list[tuple[int, float]]] = [[]]
    for at, number in enumerate(numbers):
        if number is not None:
            runs[-1].append((at, number))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _bends(run: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Leave out what lies on a level line: most queues are quiet, and there are many of them on a page."""
    inner = zip(run, run[1:], run[2:], strict=False)
    return [*run[:1], *(now for before, now, after in inner if not before[1] == now[1] == after[1]), *run[1:][-1:]]


def _path(points: Sequence[tuple[float, float]]) -> str:
    (x, y), *rest = points
    if not rest:  # one point alone is a dash, or nobody would see it
        return f"M{max(0.0, x - 1):.1f} {y:.1f}h2"
    return f"M{x:.1f} {y:.1f}L" + " ".join(f"{x:.1f} {y:.1f}" for x, y in rest)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) or abs(number) >= 100 else f"{number:,.3g}"
