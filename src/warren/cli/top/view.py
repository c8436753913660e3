"""Draws the state on a screen of any size, from 40 columns and 8 rows on.

Not here: what is shown and why (`state.py`), and the screen (`terminal.py`).
"""

from __future__ import annotations

import time
from typing import Final, final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from warren.cli.figures import count, rate, seconds, share, sparkline
from warren.cli.signals.table import COLUMNS, MARKS, STYLES, cells, finding_lines
from warren.cli.terminal import printable
from warren.cli.top.state import Page, State
from warren.signals.findings import Finding, Severity
from warren.signals.results import QueueSignals

__all__ = ["Screen", "rows_for"]

_AROUND: Final = 5  # lines that are not queues: title, the broker's findings, column heads, what is selected, keys
_SPARK: Final = 8
_WIDE: Final = 110  # columns from which there is room for more
_WIDE_SPARK: Final = 60
_FAILURES: Final = 5
_NARROW: Final = 72  # columns below which the figures beside the depth are left out
_NOTHING_WRONG: Final = "nothing is wrong, as far as this window shows"
_KEYS: Final = "q quit  s sort  p pause  ↑↓ select  enter detail  ? help"

_HELP: Final = (
    ("q", "quit"),
    ("s", "sort by trouble, depth, rate, dead letters, name"),
    ("p, space", "pause, and go on"),
    ("↑ ↓, k j", "select a queue; scroll its detail"),
    ("page up/down, home, end", "the same in larger steps"),
    ("enter", "the selected queue with its findings; back again"),
    ("escape", "back"),
    ("?", "this help"),
)
_LEGEND: Final = (
    "!! critical, ! warning. ready: waiting for a consumer. unack: with one. cons: consumers.",
    "in/s, ack/s: published and acknowledged a second. redel: share of deliveries that are redeliveries.",
    "lag: what 95 % of messages waited at most, by workers; with ~ what a new message is going to wait.",
    "dead: messages in the dead-letter queue, and how many came of late. – is not known.",
)


def rows_for(height: int) -> int:
    """Return how many queues a screen has room for."""
    return max(1, height - _AROUND)


@final
class Screen:
    """A whole screen: as many lines as it has, none longer than it is wide."""

    def __init__(self, state: State, *, window: float) -> None:
        self._state = state
        self._window = window

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = options.height or console.height
        options = options.update(height=None)

        def drawn(what: RenderableType) -> list[list[Segment]]:
            return console.render_lines(what, options, pad=False)

        body = drawn(self._body(options.max_width, height))
        room = max(0, height - 2)
        if self._state.page is Page.DETAIL:
            body = body[min(self._state.scroll, max(0, len(body) - room)) :]
        body = [*body[:room], *([[]] * (room - len(body)))]
        for number, line in enumerate([*drawn(self._title())[:1], *body, *drawn(_foot())[:1]][:height]):
            if number:
                yield Segment.line()
            yield from line

    def _title(self) -> Text:
        state, report = self._state, self._state.report
        title = Text("warren top", style="bold", no_wrap=True, overflow="ellipsis")
        if state.is_paused:
            title.append("  PAUSED", style="bold yellow")
        if report is None:
            return title.append("  connecting …", style="dim")
        title.append(time.strftime("  %H:%M:%S", time.localtime(report.time)), style="not bold")
        if state.problem:
            return title.append("  NO ANSWER SINCE, trying again", style="bold red")
        missing = f" of {self._window:.0f}" if report.span < self._window else ""
        title.append(f"  over {report.span:.0f}{missing} s  by {state.sort}", style="not bold")
        title.append(f"  {len(report.queues)} queues", style="not bold")
        return title

    def _body(self, width: int, height: int) -> RenderableType:
        match self._state.page:
            case Page.HELP:
                return _help()
            case Page.DETAIL:
                return self._detail(width)
            case Page.QUEUES:
                return Group(self._broker_line(), self._table(width, rows_for(height)), self._selected_line())

    # -- all queues -------------------------------------------------------------------------

    def _broker_line(self) -> Text:
        """Say what is wrong with the broker itself, else what cannot be known."""
        report, line = self._state.report, Text(no_wrap=True, overflow="ellipsis")
        if self._state.problem:
            return line.append(printable(self._state.problem), "red")
        if report is None:
            return line
        for finding in report.findings:
            if finding.queue is None:
                return line.append(_in_a_line(finding), STYLES[finding.severity])
        return line.append(f"not known: {printable(report.unknown[0])}", "dim") if report.unknown else line

    def _table(self, width: int, rows: int) -> Table:
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, expand=True)
        table.add_column("", width=2, no_wrap=True)
        table.add_column("queue", ratio=1, no_wrap=True, overflow="ellipsis", min_width=8)
        spark = _SPARK * 3 if width >= _WIDE else _SPARK
        table.add_column("depth", width=spark, no_wrap=True)
        columns = COLUMNS if width >= _NARROW else COLUMNS[:2]
        for name in columns:
            table.add_column(name, justify="right", no_wrap=True)
        for signals in self._page(rows):
            severity = self._severity(signals)
            depths = sparkline(self._state.depths.get(signals.queue, ()), spark)
            is_selected = signals.queue == self._state.selection
            table.add_row(
                MARKS[severity],
                printable(signals.queue),
                depths,
                *cells(signals)[: len(columns)],
                style=f"{STYLES[severity]} reverse".strip() if is_selected else STYLES[severity],
            )
        return table

    def _severity(self, signals: QueueSignals) -> Severity | None:
        return None if self._state.report is None else self._state.report.severity_of(signals.queue)

    def _page(self, rows: int) -> tuple[QueueSignals, ...]:
        """Return the queues of the page the selection is on."""
        queues = self._state.queues
        names = [signals.queue for signals in queues]
        selection = self._state.selection
        start = names.index(selection) // rows * rows if selection is not None else 0
        return queues[start : start + rows]

    def _selected_line(self) -> Text:
        """Say what is wrong with the selected queue, in a line."""
        report, selection = self._state.report, self._state.selection
        line = Text(no_wrap=True, overflow="ellipsis")
        if report is None:
            return line
        if selection is None:
            return line.append("there are no queues in this virtual host", "dim")
        for finding in report.findings_of(selection):
            return line.append(_in_a_line(finding), STYLES[finding.severity])
        return line.append(f"{printable(selection)}: {_NOTHING_WRONG}", "dim")

    # -- one queue --------------------------------------------------------------------------

    def _detail(self, width: int) -> RenderableType:
        state = self._state
        signals = next((one for one in state.queues if one.queue == state.selected), None)
        if signals is None or state.report is None:
            return Text(f"{printable(state.selected or '')} is not there any more")
        findings = state.report.findings_of(signals.queue)
        lines: list[RenderableType] = [
            Text(f"{printable(signals.queue)}  ({signals.type or 'type not known'})", style="bold"),
            Text(sparkline(state.depths.get(signals.queue, ()), min(width, _WIDE_SPARK))),
            _figures(signals),
        ]
        for finding in findings:
            lines += [Text(), *finding_lines(finding, is_folded=True)]
        if not findings:
            lines += [Text(), Text(_NOTHING_WRONG)]
        lines += [Text(f"not known: {printable(line)}", style="dim") for line in state.report.unknown]
        return Group(*lines)


def _foot() -> Text:
    return Text(_KEYS, style="reverse", no_wrap=True, overflow="ellipsis")


def _help() -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for keys, what in _HELP:
        table.add_row(Text(keys, style="bold"), what)
    return Group(table, Text(), *map(Text, _LEGEND))


def _in_a_line(finding: Finding) -> str:
    return printable(f"{finding.severity} {finding.id}: {finding.summary}")


def _figures(signals: QueueSignals) -> Table:
    lag, table = signals.lag, Table.grid(padding=(0, 2))
    waiting = f"{count(signals.ready)} ready, {count(signals.unacked)} unacked"
    flow = f"{rate(signals.publish_rate)} published, {rate(signals.deliver_rate)} delivered"
    prefetch = f"{share(signals.utilisation)} of their prefetch used"
    for name, value in (
        ("depth", f"{count(signals.depth)}: {waiting}, {count(signals.dead_lettering)} being dead-lettered"),
        ("consumers", f"{count(signals.consumers)}, {prefetch}; oldest in flight {seconds(signals.oldest_in_flight)}"),
        ("a second", f"{flow}, {rate(signals.ack_rate)} acknowledged"),
        ("redelivered", f"{share(signals.redelivery_rate)} of all deliveries"),
        ("lag", f"p50 {seconds(lag.p50)}, p95 {seconds(lag.p95)}, p99 {seconds(lag.p99)}, as workers measure it"),
        ("estimate", f"a new message waits {seconds(lag.wait)}, all are through in {seconds(lag.drain)}"),
        ("retrying", count(signals.retrying)),
        ("dead", f"{count(signals.dead)}, {count(signals.dead_growth)} of them new in the window"),
    ):
        table.add_row(Text(name, style="dim"), value)
    for failure in signals.failures[:_FAILURES]:
        table.add_row(
            Text("failure", style="dim"), printable(f"{count(failure.count)} × {failure.fingerprint} {failure.reason}")
        )
    return table
