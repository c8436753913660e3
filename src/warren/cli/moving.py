"""What the commands that move messages share: where to, which, how far they have come, and asking before.

Not here: the commands (`drain.py`, `replay.py`, `purge.py`), and the moving itself (`operations/`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.failure import say
from warren.errors import TopologyMissing, WarrenError

if TYPE_CHECKING:
    from warren.operations.drain import Wish
    from warren.operations.select import Selection
    from warren.operations.tally import Tally
    from warren.transport.connection import Connection

__all__ = [
    "check_queue",
    "chosen_wish",
    "filter_option",
    "is_asked",
    "limit_option",
    "place_of",
    "progress",
    "told_how_far",
    "yes_option",
]

_FILES: Final = (".ndjson", ".jsonl")

filter_option = click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="CONDITION",
    help="Only messages like type=orders.created; may be given several times. `warren inspect --help` has more.",
)
limit_option = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most N messages.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def place_of(text: str) -> Path | str:
    """Return a file as a path, or a queue as its name.

    A value with a path separator, or that ends in .ndjson or .jsonl, is a file; any other is a queue. `file:` and
    `queue:` before it say so for names of the other kind.
    """
    kind, separator, rest = text.partition(":")
    if separator and rest and kind == "queue":
        return rest
    if separator and rest and kind == "file":
        return Path(rest)
    return Path(text) if os.sep in text or text.endswith(_FILES) else text


def check_queue(connection: Connection, queue: str, *, given: str) -> None:
    """Raise `TopologyMissing` where a queue is not there; `given` is what was typed, which may have meant a file."""
    from warren.transport.declare import ChannelDeclarer

    try:
        ChannelDeclarer(connection).check_queue(queue)
    except TopologyMissing:
        hint = f"; for the file of that name write file:{given}" if Path(given).exists() else ""
        raise TopologyMissing(
            f"there is no queue {queue!r} on the broker; check the name, and the virtual host in the broker URL{hint}",
            [],
        ) from None


def chosen_wish(connection: Connection, queue: str, selection: Selection, limit: int | None) -> Wish:
    """Return which messages are meant, with care for those that a filter leaves where they are."""
    from warren.operations.careful import careful_wish

    wish, caution = careful_wish(connection, queue, selection.matches if selection else None, limit=limit)
    for remark in caution.remarks:
        say(f"note: {remark}")
    return wish


def is_asked() -> bool:
    """Whether somebody sits at a terminal who can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


@contextmanager
def told_how_far(summary: Callable[[], str]) -> Iterator[None]:
    """Say how far a command came where it ends early."""
    try:
        yield
    except (KeyboardInterrupt, WarrenError, OSError):
        say(summary())
        raise


@contextmanager
def progress(tally: Tally, label: str) -> Iterator[None]:
    """Show a progress bar on stderr, in a terminal only."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        tally.on_seen = lambda _count: bar.update(task, completed=tally.seen, total=tally.total)
        yield
