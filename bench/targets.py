"""The targets of a run: each a ratio of figures of that run, with how far it was met or missed.

Not here: taking the figures (measures.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from bench.figures import Figures, Measure
from bench.peers import Kind

__all__ = ["Target", "Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A target beside what the run showed. `shown` is None when one of the figures is missing."""

    text: str
    wanted: float
    shown: float | None
    at_most: bool = False
    against: str = ""

    @property
    def is_met(self) -> bool | None:
        """Whether it was met; None when it could not be judged."""
        if self.shown is None:
            return None
        return self.shown <= self.wanted if self.at_most else self.shown >= self.wanted

    @property
    def summary(self) -> str:
        """One phrase: met or missed, and by how much."""
        match self.is_met, self.shown:
            case None, _:
                return "not measured"
            case True, _:
                return "met"
            case _, shown:
                assert shown is not None
                off = shown / self.wanted - 1 if self.at_most else 1 - shown / self.wanted
                return f"missed by {off:.0%}"


@dataclass(frozen=True, slots=True)
class Target:
    """Warren's figure divided by another's, paired round by round."""

    text: str
    measure: Measure
    wanted: float
    others: Callable[[Figures], Iterable[str]]
    """Whose figure it is divided by: the one that leaves the smallest margin is used."""
    runner: str = "Warren"
    over: Measure | None = None
    """The divisor's measure where it is another one."""
    at_most: bool = False

    def judge(self, figures: Figures) -> Verdict:
        """Return the verdict on a run's figures."""
        ratios = {
            other: ratio
            for other in self.others(figures)
            if (ratio := _ratio(figures, self.runner, self.measure, other, self.over or self.measure)) is not None
        }
        if not ratios:
            return Verdict(self.text, self.wanted, None, self.at_most)
        against = (max if self.at_most else min)(ratios, key=lambda other: ratios[other])
        return Verdict(self.text, self.wanted, ratios[against], self.at_most, against)


def _ratio(figures: Figures, runner: str, measure: Measure, other: str, over: Measure) -> float | None:
    # The machine drifts; the two figures of a round were taken within a minute of each other.
    ours, theirs = figures.rounds(runner, measure), figures.rounds(other, over)
    pairs = [mine / their for mine, their in zip(ours, theirs, strict=False) if mine and their]
    return median(pairs) if pairs else None


def _named(*names: str) -> Callable[[Figures], Iterable[str]]:
    return lambda _figures: names


def _peers(figures: Figures) -> Iterable[str]:
    return figures.names(Kind.PEER)


TARGETS = (
    Target("publish: share of the C limit", Measure.PUBLISH, 0.8, _named("librabbitmq")),
    Target("publish: times the fastest Python peer", Measure.PUBLISH, 4.0, _peers),
    Target("consume: times FastStream and Dramatiq", Measure.CONSUME, 3.0, _named("FastStream", "Dramatiq")),
    Target("consume: share of the C limit", Measure.CONSUME, 0.4, _named("librabbitmq")),
    Target("consume: two processes over one", Measure.CONSUME_TWO, 1.6, _named("Warren"), over=Measure.CONSUME),
    Target("one publish: times a bare pika confirm", Measure.ROUND_TRIP, 1.2, _named("pika"), at_most=True),
    Target("latency p99 at the same load: times the best peer's", Measure.LATENCY_SAME, 1.0, _peers, at_most=True),
    Target("latency p99 at half load: times the best peer's", Measure.LATENCY_HALF, 1.0, _peers, at_most=True),
    Target(
        "idempotent on SQLite: share of the rate without",
        Measure.CONSUME,
        0.5,
        _named("Warren"),
        runner="Warren, idempotent",
    ),
)


def judge(figures: Figures) -> list[Verdict]:
    """Return a verdict on every target."""
    return [target.judge(figures) for target in TARGETS]
