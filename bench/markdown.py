"""The tables of a run as Markdown, for docs/performance.md.

Not here: the terminal's tables (report.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.figures import Figures, Measure
from bench.measures import Latency, Rate, RoundTrip
from bench.peers import RUNNERS
from bench.targets import Verdict

__all__ = ["write_markdown"]

_SERVICES = {runner.name for runner in RUNNERS if runner.is_service}


def write_markdown(figures: Figures, verdicts: list[Verdict], facts: dict[str, Any]) -> str:
    """Return the tables with the line that says what they were taken on."""
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    rates = [
        (
            name,
            *_rate(figures, name, Measure.PUBLISH),
            *_rate(figures, name, Measure.CONSUME),
            _rate(figures, name, Measure.CONSUME_TWO)[0],
            _round_trip(figures, name),
        )
        for name in figures.names()
    ]
    latencies = [
        (
            name,
            _rate(figures, name, Measure.THROUGH)[0],
            *_latency(figures, name, Measure.LATENCY_SAME),
            *_latency(figures, name, Measure.LATENCY_HALF),
        )
        for name in figures.names()
        if name in _SERVICES
    ]
    targets = [
        (
            verdict.text,
            f"{'≤' if verdict.at_most else '≥'} {verdict.wanted:g}",
            "–" if verdict.shown is None else f"{verdict.shown:.2f}",
            verdict.against or "–",
            verdict.summary,
        )
        for verdict in verdicts
    ]
    about = (
        f"{facts['broker']}, {facts['queue_type']} queue, {facts['body_bytes']}-byte JSON; {facts['machine']}, "
        f"{facts['date']}, median of {facts['rounds']} rounds; Python {facts['python']}, {versions}."
    )
    if (other := facts.get("other_work") or 0.0) > 0.05:
        about += f" Other processes used {other:.0%} of the machine meanwhile."
    two_latencies = ("same load/s", "p50", "p99", "half load/s", "p50", "p99")
    return "\n\n".join(
        [
            about,
            _table(("", "publish/s", "µs cpu", "consume/s", "µs cpu", "by two/s", "one publish"), rates),
            _table(("from publish to handler", "flat out/s", *two_latencies), latencies),
            _table(("target", "wanted", "shown", "against", ""), targets),
            "",
        ]
    )


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    rule = ("---", *["--:"] * (len(columns) - 1))
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, rule, *rows))


def _rate(figures: Figures, name: str, measure: Measure) -> tuple[str, str]:
    match figures.median(name, measure):
        case Rate(per_second, cpu_us):
            return f"{per_second:,.0f}", "" if cpu_us is None else f"{cpu_us:.0f}"
        case _:
            return "failed" if figures.error(name, measure) else "", ""


def _round_trip(figures: Figures, name: str) -> str:
    match figures.median(name, Measure.ROUND_TRIP):
        case RoundTrip(p50_us):
            return f"{p50_us / 1e3:.2f} ms"
        case _:
            return ""


def _latency(figures: Figures, name: str, measure: Measure) -> tuple[str, str, str]:
    match figures.median(name, measure):
        case Latency(per_second, p50_ms, p99_ms):
            return f"{per_second:,.0f}", f"{p50_ms:.1f} ms", f"{p99_ms:.1f} ms"
        case _:
            return "", "", ""
