"""The tables a run ends with: rates, latencies, targets, and what broke.

Not here: the chart (chart.py), or judging the targets (targets.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.figures import Figure, Figures, Measure
from bench.measures import Latency, Rate, RoundTrip
from bench.peers import RUNNERS, Kind
from bench.targets import Verdict

__all__ = ["show"]

_STYLES = {Kind.LIMIT: "cyan", Kind.REFERENCE: "dim", Kind.PEER: "", Kind.WARREN: "bold green"}
_NAMES = {runner.name: runner for runner in RUNNERS}


def show(console: Console, figures: Figures, verdicts: list[Verdict], facts: dict[str, Any]) -> None:
    """Print everything."""
    console.print()
    console.print(_rates(figures, facts))
    if any(figures.all(name, measure) for name in figures.names() for measure in (Measure.THROUGH, *_LATENCIES)):
        console.print(_end_to_end(figures))
    console.print(_targets(verdicts))
    for runner, measure, error in figures.errors():
        console.print(f"[red]{runner}, {measure.value}:[/] {escape(error)}", highlight=False)
    for name in figures.names():
        for figure in figures.all(name, Measure.CONSUME):
            if isinstance(figure, Rate) and figure.unacknowledged:
                text = f"{figure.unacknowledged:,} handled messages were back in the queue after its worker ended"
                console.print(f"[yellow]{name}:[/] {text}", highlight=False)
    if (other := facts.get("other_work") or 0.0) > 0.05:
        warning = f"Other processes used {other:.0%} of this machine meanwhile: rates are too low, ratios uncertain."
        console.print(f"[bold yellow]{warning}", highlight=False)
    for name in figures.names():
        console.print(f"[dim]{name}: {facts['runners'][name]}", highlight=False)
    versions = ", ".join(f"{package} {version}" for package, version in facts["versions"].items())
    console.print(f"[dim]{facts['machine']}, Python {facts['python']}, {versions}", highlight=False)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _rates(figures: Figures, facts: dict[str, Any]) -> Table:
    title = (
        f"{facts['broker']}, {facts['queue_type']} queue, {facts['body_bytes']}-byte JSON, persistent, confirmed, "
        f"each acknowledged · median of {facts['rounds']}"
    )
    table = _table(title, "publish/s", "µs cpu", "consume/s", "µs cpu", "by two/s", "one publish", "p99")
    for name in figures.names():
        table.add_row(
            name,
            *_cells(figures, name, Measure.PUBLISH, _per_second, _cpu),
            *_cells(figures, name, Measure.CONSUME, _per_second, _cpu),
            *_cells(figures, name, Measure.CONSUME_TWO, _per_second),
            *_cells(figures, name, Measure.ROUND_TRIP, _p50, _p99),
            style=_STYLES[_NAMES[name].kind],
        )
    return table


_LATENCIES = (Measure.LATENCY_SAME, Measure.LATENCY_HALF)


def _end_to_end(figures: Figures) -> Table:
    columns = ("flat out/s", "same load/s", "p50", "p99", "half load/s", "p50", "p99")
    table = _table("From the publish call to the handler", *columns)
    for name in figures.names():
        if _NAMES[name].is_service:
            table.add_row(
                name,
                *_cells(figures, name, Measure.THROUGH, _per_second),
                *_cells(figures, name, Measure.LATENCY_SAME, _per_second, _p50, _p99),
                *_cells(figures, name, Measure.LATENCY_HALF, _per_second, _p50, _p99),
                style=_STYLES[_NAMES[name].kind],
            )
    return table


def _targets(verdicts: list[Verdict]) -> Table:
    table = _table("Targets", "wanted", "shown", "against", "")
    for verdict in verdicts:
        sign = "≤" if verdict.at_most else "≥"
        shown = "–" if verdict.shown is None else f"{verdict.shown:.2f}"
        style = {True: "green", False: "red", None: "dim"}[verdict.is_met]
        row = (verdict.text, f"{sign} {verdict.wanted:g}", shown, verdict.against, f"[{style}]{verdict.summary}")
        table.add_row(*row)
    return table


def _cells(figures: Figures, name: str, measure: Measure, *formats: Callable[[Figure], str]) -> list[str]:
    figure = figures.median(name, measure)
    if figure is not None:
        return [format_(figure) for format_ in formats]
    missing = "[red]failed" if figures.error(name, measure) else ""
    return [missing, *[""] * (len(formats) - 1)]


def _per_second(figure: Figure) -> str:
    return f"{figure.per_second:,.0f}" if isinstance(figure, Rate | Latency) else ""


def _cpu(figure: Figure) -> str:
    return f"{figure.cpu_us:.0f}" if isinstance(figure, Rate) and figure.cpu_us is not None else ""


def _p50(figure: Figure) -> str:
    return _milliseconds(figure, "p50")


def _p99(figure: Figure) -> str:
    return _milliseconds(figure, "p99")


def _milliseconds(figure: Figure, which: str) -> str:
    match figure:
        case RoundTrip():
            return f"{getattr(figure, f'{which}_us') / 1e3:.2f} ms"
        case Latency():
            return f"{getattr(figure, f'{which}_ms'):.2f} ms"
        case Rate():
            return ""
