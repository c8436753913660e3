"""A report drawn for people: a table of queues that fits 80 columns, then the findings, then what is not known.

Not here: the figures in it (`cli/figures.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from rich import box
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from warren.cli.figures import UNKNOWN, count, rate, seconds, share
from warren.cli.terminal import printable
from warren.signals.findings import Finding, Severity
from warren.signals.report import Report
from warren.signals.results import QueueSignals

__all__ = ["COLUMNS", "MARKS", "STYLES", "cells", "finding_lines", "in_order", "lag", "report_lines"]

COLUMNS: Final = ("ready", "unack", "cons", "in/s", "ack/s", "lag", "redel", "dead")
MARKS: Final = {Severity.CRITICAL: "!!", Severity.WARNING: "! ", Severity.INFO: "· ", None: "  "}
STYLES: Final = {Severity.CRITICAL: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan", None: ""}


def cells(signals: QueueSignals) -> tuple[str, ...]:
    """Return what stands in the columns for a queue."""
    return (
        count(signals.ready),
        count(signals.unacked),
        count(signals.consumers),
        rate(signals.publish_rate),
        rate(signals.ack_rate),
        lag(signals),
        share(signals.redelivery_rate),
        _dead(signals),
    )


def lag(signals: QueueSignals) -> str:
    """Return what 95 % of messages waited at most, as workers measured; else `~` what a new one is going to wait."""
    if signals.lag.p95 is not None:
        return seconds(signals.lag.p95)
    return UNKNOWN if signals.lag.wait is None else f"~{seconds(signals.lag.wait)}"


def _dead(signals: QueueSignals) -> str:
    grown = f" +{count(signals.dead_growth)}" if signals.dead_growth else ""
    return count(signals.dead) + grown


def report_lines(report: Report) -> Iterator[Table | Padding | Text]:
    """Draw a report."""
    yield _queues(report)
    yield Text()
    for finding in report.findings:
        yield from finding_lines(finding)
        yield Text()
    if not report.findings:
        yield Text("nothing is wrong, as far as this window shows")
    for line in report.unknown:
        yield Text(f"not known: {printable(line)}", style="dim")


def _queues(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("", width=2, no_wrap=True)
    table.add_column("queue", overflow="fold", ratio=1)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for signals in in_order(report):
        severity = report.severity_of(signals.queue)
        table.add_row(MARKS[severity], printable(signals.queue), *cells(signals), style=STYLES[severity])
    return table


def in_order(report: Report) -> Sequence[QueueSignals]:
    """Return the queues, those with the worst findings first, and otherwise by name."""

    def trouble(signals: QueueSignals) -> tuple[int, str]:
        severity = report.severity_of(signals.queue)
        return 1 if severity is None else -severity.rank, signals.queue

    return sorted(report.queues, key=trouble)


def finding_lines(finding: Finding, *, is_folded: bool = False) -> Iterable[Padding | Text]:
    """Draw a finding: what it is, on what it rests, what to do. Its command stays whole, to be pasted, or is folded."""
    head = Text()
    head.append(f"{finding.severity} {finding.id}".upper(), style=STYLES[finding.severity])
    head.append(f"  {printable(finding.queue or 'broker')}", style="bold")
    yield head
    yield Padding(Text(printable(finding.summary)), (0, 0, 0, 2))
    if finding.fingerprint:
        yield Padding(Text(f"fingerprint: {printable(finding.fingerprint)}", overflow="fold"), (0, 0, 0, 2))
    for line in finding.evidence:
        yield Padding(Text(f"· {printable(line)}", overflow="fold"), (0, 0, 0, 2))
    yield Padding(Text(f"next: {printable(finding.next_step)}"), (0, 0, 0, 2))
    if finding.command:
        wrapping: Any = {"overflow": "fold"} if is_folded else {"overflow": "ignore", "no_wrap": True}
        yield Text(f"  $ {printable(finding.command)}", style="bold", **wrapping)
