"""Which queues the overview shows, and in which order: chosen by who looks, a page at a time.

Not here: what a row looks like (`templates/overview.html`).
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, final

from warren.dashboard.leads import Lead, lead_of
from warren.dashboard.watch import Snapshot
from warren.signals.findings import Finding, Severity
from warren.signals.results import QueueSignals

__all__ = ["PAGE", "Choice", "Order", "Row", "Rows", "choose"]

PAGE: Final = 50  # rows
_LONGEST: Final = 255  # no queue has a longer name


class Order(enum.StrEnum):
    """By what rows are sorted."""

    TROUBLE = "trouble"
    NAME = "name"
    DEPTH = "depth"
    LAG = "lag"
    UNACKED = "unacked"
    REDELIVERY = "redelivery"
    DEAD = "dead"
    INCOMING = "in"


@final
@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody wants to see. Names are found by a part of them, in whatever case; the first page is 0."""

    text: str = ""
    only_findings: bool = False
    order: Order = Order.TROUBLE
    is_descending: bool = True
    page: int = 0

    @classmethod
    def of(cls, asked: Mapping[str, str]) -> Choice:
        """Read it from an address, which anybody may have written."""
        choice = cls().after({"act": "filter", "value": asked.get("filter", "")})
        choice = replace(choice, only_findings=asked.get("only") == "findings")
        if (order := asked.get("sort")) in set(Order):
            choice = replace(choice, order=Order(order), is_descending=asked.get("first") != "lowest")
        return choice.after({"act": "page", "page": asked.get("page", "")})

    @property
    def address(self) -> Mapping[str, str]:
        """What an address has to say for `of` to return this; what is as ever is left out."""
        told = {
            "filter": self.text,
            "only": "findings" if self.only_findings else "",
            "sort": "" if self.order is Order.TROUBLE and self.is_descending else str(self.order),
            "first": "" if self.is_descending else "lowest",
            "page": str(self.page) if self.page else "",
        }
        return {name: value for name, value in told.items() if value}

    def after(self, act: Mapping[str, Any]) -> Choice:
        """Return what is wanted once somebody filtered, sorted or turned the page; senseless acts change nothing."""
        match act:
            case {"act": "filter", "value": str(text)}:
                return replace(self, text=text[:_LONGEST].strip(), page=0)
            case {"act": "only-findings", "checked": bool(checked)}:
                return replace(self, only_findings=checked, page=0)
            case {"act": "sort", "by": str(by)} | {"act": "sort", "value": str(by)} if by in set(Order):
                return self._sorted(Order(by))
            case {"act": "page", "page": str(page)} if page.isdecimal() and len(page) < 7:
                return replace(self, page=int(page))
            case {"act": "all"}:
                return Choice(order=self.order, is_descending=self.is_descending)
        return self

    def _sorted(self, order: Order) -> Choice:
        """The same order again turns it round; names begin with the first, figures with the highest."""
        is_descending = not self.is_descending if order is self.order else order is not Order.NAME
        return replace(self, order=order, is_descending=is_descending, page=0)


@final
@dataclass(frozen=True, slots=True)
class Row:
    """A queue with its findings, worst first."""

    signals: QueueSignals
    findings: Sequence[Finding]

    @property
    def severity(self) -> Severity | None:
        return self.findings[0].severity if self.findings else None

    @property
    def lead(self) -> Lead | None:
        return lead_of(self.findings)

    @property
    def rank(self) -> float:
        """How much it needs somebody: dead letters that wait do, even where nothing new goes wrong."""
        waiting = 0.5 if self.signals.dead else -1.0
        return waiting if self.severity is None else max(waiting, float(self.severity.rank))

    @property
    def tone(self) -> str:
        """How it is marked, empty where it is not."""
        if self.severity in (Severity.CRITICAL, Severity.WARNING):
            return str(self.severity)
        return str(Severity.WARNING) if self.signals.dead else ""

    @property
    def lag(self) -> float | None:
        """What 95 % of messages waited at most, as workers measured; else what a new one is going to wait."""
        lag = self.signals.lag
        return lag.wait if lag.p95 is None else lag.p95

    @property
    def is_estimated(self) -> bool:
        """Whether that is about right only."""
        return self.signals.lag.p95 is None and 0 < (self.signals.lag.wait or 0) < math.inf


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one page, of `count` that were chosen; `page` is the last there is where a later one was wanted."""

    shown: Sequence[Row]
    count: int
    page: int


def choose(snapshot: Snapshot, choice: Choice) -> Rows:
    """Return what is shown of a snapshot."""
    report, text = snapshot.report, choice.text.casefold()
    rows = [
        Row(one, snapshot.findings.get(one.queue, ()))
        for one in (report.queues if report is not None else ())
        if text in one.queue.casefold()
    ]
    if choice.only_findings:
        rows = [row for row in rows if row.findings]
    rows.sort(key=lambda row: row.signals.queue, reverse=choice.order is Order.NAME and choice.is_descending)
    if (measure := _MEASURES.get(choice.order)) is not None:
        rows.sort(key=lambda row: _place(measure(row), is_descending=choice.is_descending))
    page = min(choice.page, max(0, len(rows) - 1) // PAGE)
    return Rows(shown=rows[page * PAGE : (page + 1) * PAGE], count=len(rows), page=page)


def _place(value: float | None, *, is_descending: bool) -> tuple[bool, float]:
    """What is not known comes last, whichever way it is sorted."""
    known = value or 0.0
    return value is None, -known if is_descending else known


_MEASURES: Final[Mapping[Order, Callable[[Row], float | None]]] = {
    Order.TROUBLE: lambda row: row.rank,
    Order.DEPTH: lambda row: row.signals.depth,
    Order.LAG: lambda row: row.lag,
    Order.UNACKED: lambda row: row.signals.unacked,
    Order.REDELIVERY: lambda row: row.signals.redelivery_rate,
    Order.DEAD: lambda row: row.signals.dead,
    Order.INCOMING: lambda row: row.signals.publish_rate,
}
