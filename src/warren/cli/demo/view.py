"""What is seen while the demo runs: a live table in a terminal, plain lines anywhere else.

Not here: counting (`tally.py`), the tables at the end (`report.py`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from warren.cli.demo.tally import Counts, Tally

__all__ = ["View", "view_for"]

_TICK: Final = 0.05
_LINE_EVERY: Final = 1.0
_LINE_SELDOM: Final = 30.0
"""Where nobody knows how long it takes."""


class View(Protocol):
    """Shows a tally while it grows."""

    def phase(self, text: str) -> None:
        """Say what begins now."""

    def watch(self) -> None:
        """Show how things are, and let a moment pass."""


@contextmanager
def view_for(console: Console, tally: Tally, total: int | None) -> Iterator[View]:
    """Yield the view that suits the console. `total` is how many are published; None where somebody says when."""
    if not console.is_terminal:
        yield _Lines(console, tally, total)
        return
    screen = _Screen(tally, total)
    with Live(get_renderable=screen.draw, console=console, refresh_per_second=12, transient=True):
        yield screen


def _published(tally: Tally, total: int | None) -> str:
    return f"published {tally.published}" + ("" if total is None else f" of {total}")


class _Screen:
    """A table that is drawn again and again."""

    def __init__(self, tally: Tally, total: int | None) -> None:
        self._tally = tally
        self._total = total
        self._phase = ""

    def phase(self, text: str) -> None:
        self._phase = text

    def watch(self) -> None:
        time.sleep(_TICK)

    def draw(self) -> Group:
        tally = self._tally
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
        table.add_column("")
        for name in tally.consumers:
            table.add_column(name, justify="right")
        for label, number in _ROWS:
            table.add_row(label, *(number(counts) for counts in tally.consumers.values()))
        head = Text.assemble((self._phase, "bold"), f"   {_published(tally, self._total)}")
        recent = [Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in tally.lines()]
        return Group(head, Text(), table, Text(), *recent)


_ROWS: Final[tuple[tuple[str, Callable[[Counts], str]], ...]] = (
    ("processed", lambda counts: str(counts.processed)),
    ("retried with delay", lambda counts: str(counts.retried)),
    ("duplicates absorbed", lambda counts: str(counts.absorbed)),
    ("dead-lettered", lambda counts: str(counts.dead.total())),
    ("  contract: it does not fit", lambda counts: str(counts.dead["contract"])),
    ("  permanent: no retry can help", lambda counts: str(counts.dead["permanent"])),
    ("  exhausted: every attempt failed", lambda counts: str(counts.dead["exhausted"])),
)


class _Lines:
    """A line now and then."""

    def __init__(self, console: Console, tally: Tally, total: int | None) -> None:
        self._console = console
        self._tally = tally
        self._total = total
        self._every = _LINE_SELDOM if total is None else _LINE_EVERY
        self._next = time.monotonic() + self._every

    def phase(self, text: str) -> None:
        self._print(text)

    def watch(self) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            self._print(_published(self._tally, self._total))
            for name, counts in self._tally.consumers.items():
                self._print(
                    f"  {name}: {counts.processed} processed, {counts.retried} retried, {counts.absorbed} duplicates "
                    f"absorbed, {counts.dead.total()} dead-lettered"
                )
        time.sleep(_TICK)

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
