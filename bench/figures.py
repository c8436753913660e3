"""The figures of a run: what each runner reached at each measure, round by round, or why it did not.

Not here: taking them (measures.py), judging them (targets.py), showing them (report.py, chart.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from statistics import median
from typing import Any

from bench.measures import Latency, Rate, RoundTrip
from bench.peers import RUNNERS, Kind

__all__ = ["Figure", "Figures", "Measure"]

Figure = Rate | RoundTrip | Latency


class Measure(Enum):
    """What is measured, in the order it is shown."""

    PUBLISH = "publish"
    CONSUME = "consume"
    CONSUME_TWO = "consume, 2 processes"
    ROUND_TRIP = "one publish"
    THROUGH = "publish and consume together"
    LATENCY_SAME = "latency at the same load"
    LATENCY_HALF = "latency at half load"


def headline(figure: Figure) -> float:
    """Return the number a figure is compared by: a rate, a median round trip, or a 99th percentile."""
    match figure:
        case Rate():
            return figure.per_second
        case RoundTrip():
            return figure.p50_us
        case Latency():
            return figure.p99_ms


@dataclass(slots=True)
class Figures:
    """Everything measured so far."""

    _taken: dict[tuple[str, Measure], list[Figure | None]] = field(default_factory=dict)
    _errors: dict[tuple[str, Measure], str] = field(default_factory=dict)

    def add(self, runner: str, measure: Measure, figure: Figure) -> None:
        """Keep a figure as the next round's."""
        self._taken.setdefault((runner, measure), []).append(figure)

    def add_error(self, runner: str, measure: Measure, error: str) -> None:
        """Keep why a figure could not be taken; the round stays empty."""
        self._taken.setdefault((runner, measure), []).append(None)
        self._errors[runner, measure] = error

    def names(self, *kinds: Kind) -> list[str]:
        """Return the runners of these kinds that have any figure, in their order."""
        present = {runner for runner, _ in self._taken}
        return [runner.name for runner in RUNNERS if runner.name in present and (not kinds or runner.kind in kinds)]

    def rounds(self, runner: str, measure: Measure) -> list[float | None]:
        """Return the compared number of each round; None where it failed."""
        return [figure and headline(figure) for figure in self._taken.get((runner, measure), [])]

    def median(self, runner: str, measure: Measure) -> Figure | None:
        """Return the figure of the median round, or None when there is none."""
        taken = self.all(runner, measure)
        if not taken:
            return None
        middle = median(headline(figure) for figure in taken)
        return min(taken, key=lambda figure: abs(headline(figure) - middle))

    def all(self, runner: str, measure: Measure) -> list[Figure]:
        """Return the figures of the rounds that succeeded."""
        return [figure for figure in self._taken.get((runner, measure), []) if figure is not None]

    def error(self, runner: str, measure: Measure) -> str | None:
        """Return the last error, if there was one."""
        return self._errors.get((runner, measure))

    def errors(self) -> Iterable[tuple[str, Measure, str]]:
        """Return every runner and measure that failed at least once."""
        return [(runner, measure, error) for (runner, measure), error in self._errors.items()]

    def to_json(self) -> list[dict[str, Any]]:
        """Return all figures as plain values."""
        return [
            {
                "runner": runner,
                "measure": measure.value,
                "rounds": [figure and asdict(figure) for figure in taken],
                "error": self._errors.get((runner, measure)),
            }
            for (runner, measure), taken in self._taken.items()
        ]
