"""`warren inspect`: the messages of a queue, looked at and given back.

Not here: what a message tells (`operations/message.py`), and how it is drawn (`inspected.py`).

What was found is kept in a temporary file until the messages are back in their queue: a reader who takes his time, or
stops with `head`, must not hold them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.options import broker_option, broker_settings, timeout_option

if TYPE_CHECKING:
    from warren.operations.caution import Caution
    from warren.operations.lease import Held, Lease
    from warren.operations.select import Selection

__all__ = ["inspect"]

_SHOWN: Final = 50  # messages, unless --limit says otherwise
_IN_MEMORY: Final = 16 * 1024 * 1024
_WORTH_A_BAR: Final = 1_000
_WORTH_A_WORD: Final = 20_000  # about a second


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What was asked for. `limit` None: the whole queue."""

    queue: str
    selection: Selection
    limit: int | None
    shown: int | None  # at most so many; None: all
    as_groups: bool
    full: bool
    force: bool
    as_json: bool


@dataclass(slots=True)
class _Look:
    """How far a look has come. `stopped` says why it ended early."""

    total: int = 0
    looked: int = 0
    found: int = 0
    at_limit: int = 0  # messages that have no delivery left
    stopped: str = ""
    kept_order: bool = True


@click.command(short_help="Look at the messages of a queue without taking them.")
@click.argument("queue")
@broker_option
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="CONDITION",
    help="Only messages like type=orders.created or body.customer.id=42; may be given several times, all must hold.",
)
@click.option("--message-id", metavar="ID", help="Only the message with this id, in full.")
@click.option("--group", "as_groups", is_flag=True, help="Count the messages by what they failed of.")
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Look at the first N messages only (default: until 50 are shown; with --group at all).",
)
@click.option("--full", is_flag=True, help="Show everything a message tells: stack, headers, properties, body.")
@click.option("--force", is_flag=True, help="Look even where that may bring a message to its delivery limit.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object for each message or group.")
@timeout_option
def inspect(queue: str, broker: str | None, filters: tuple[str, ...], timeout: float, **chosen: Any) -> int:
    """Look at the messages of QUEUE without changing its content or its order.

    A CONDITION is FIELD OPERATOR VALUE. Fields are type, id, fingerprint, reason, error, error-type, queue, consumer,
    attempts, exchange, routing-key, correlation-id, age, size, redelivered, header.NAME and body.PATH (a path like
    customer.id, items.0.sku or items.*.sku). Operators are =, !=, ~ (regular expression), <, >, <= and >=.

    Messages are held while they are looked at, and then given back. A quorum queue counts that as a delivery: the look
    stops at a message that has used half of the queue's delivery limit. The exit code is 1 where it stopped early.
    """
    from warren.operations.link import open_connection

    wish = _wish(queue, filters, **chosen)
    with _Finds(wish) as finds:
        with open_connection(broker_settings(broker), f"warren inspect {queue}", timeout=timeout) as connection:
            look = _look_into(connection, wish, finds, timeout)
        finds.show()
    return _conclude(wish, look)


def _wish(
    queue: str,
    filters: tuple[str, ...],
    *,
    message_id: str | None,
    as_groups: bool,
    limit: int | None,
    full: bool,
    force: bool,
    as_json: bool,
) -> _Wish:
    from warren.operations.select import Selection

    chosen = [*filters, *([] if message_id is None else [f"id={message_id}"])]
    is_whole = as_groups or bool(chosen)
    return _Wish(
        queue=queue,
        selection=Selection.parse(chosen),
        limit=limit if limit is not None or is_whole else _SHOWN,
        shown=None if limit is not None or as_groups else _SHOWN,
        as_groups=as_groups,
        full=full or message_id is not None,
        force=force,
        as_json=as_json,
    )


# -- looking -----------------------------------------------------------------------------------


def _look_into(connection: Any, wish: _Wish, finds: _Finds, timeout: float) -> _Look:
    from warren.operations.knowledge import find_caution
    from warren.operations.lease import Lease
    from warren.operations.sweep import await_return

    look = _Look()
    with Lease.open(connection, wish.queue, timeout=max(timeout, 1.0)) as lease:
        look.total = lease.depth()
        if look.total == 0:
            return look
        caution = find_caution(connection, wish.queue, consumers=lease.consumers)
        _warn(caution, force=wish.force)
        limit = look.total if wish.limit is None else min(wish.limit, look.total)
        lease.wary_of = None if wish.force else caution.stop_at
        with _progress(limit) as advance:
            _look(lease, wish, limit, finds, look, caution, advance)
        if lease.must_take_more and look.total - lease.taken >= _WORTH_A_WORD and not look.stopped:
            say(f"note: giving messages back; what was given back to {wish.queue} before is taken too, in its order")
    look.kept_order = lease.kept_order
    if lease.taken and (look.kept_order or look.stopped) and not lease.consumers:
        await_return(connection, wish.queue, look.total)
    return look


def _warn(caution: Caution, *, force: bool) -> None:
    from warren.errors import ConfigurationError

    if caution.impossible is not None:
        raise ConfigurationError(caution.impossible)
    if caution.refusal is not None and not force:
        raise ConfigurationError(caution.refusal)
    for remark in caution.remarks:
        say(f"note: {remark}")


def _look(
    lease: Lease,
    wish: _Wish,
    limit: int,
    finds: _Finds,
    look: _Look,
    caution: Caution,
    advance: Callable[[int], None],
) -> None:
    stop_at = lease.wary_of
    for batch in lease.take(limit):
        for held in batch:
            deliveries = held.properties.headers.get("x-delivery-count")
            if isinstance(deliveries, int) and caution.limit is not None and deliveries >= caution.limit:
                look.at_limit += 1
            if stop_at is not None and isinstance(deliveries, int) and deliveries >= stop_at:
                look.stopped = _why_stopped(look, deliveries, caution)
                lease.wary_of = 0  # no more is to be delivered only to keep the order
                return
            look.looked += 1
            if wish.selection.matches(held):
                look.found += 1
                finds.add(held)
                if look.found == wish.shown:
                    return
        advance(len(batch))


def _why_stopped(look: _Look, deliveries: int, caution: Caution) -> str:
    limit = "the delivery limit is not known" if caution.limit is None else f"the delivery limit is {caution.limit:,}"
    return (
        f"stopped at message {look.looked + 1:,}: it has been delivered {deliveries:,} times in vain and {limit}; "
        f"--force looks on"
    )


# -- what was found ------------------------------------------------------------------------------


class _Finds:
    """Messages or groups that were found, kept until they are shown. Use it as a context manager."""

    def __init__(self, wish: _Wish) -> None:
        from warren.operations.groups import Groups

        self._wish = wish
        self._now = time.time()
        self._groups = Groups()
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - closed by __exit__
            max_size=_IN_MEMORY, mode="w+", encoding="utf-8", newline="\n"
        )

    def __enter__(self) -> _Finds:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, held: Held) -> None:
        """Keep a message for later, or count it."""
        from warren.cli.terminal import json_line
        from warren.operations.message import describe

        if self._wish.as_groups:
            self._groups.add(held)
        else:
            self._file.write(json_line(describe(held).as_json(now=self._now, full=self._wish.full)) + "\n")

    def show(self) -> None:
        """Write everything to stdout. Raises `BrokenPipeError` where nobody reads it."""
        for text in self._texts():
            click.echo(text)

    def _texts(self) -> Iterator[str]:
        from warren.cli.inspected import draw_groups, draw_messages, write_in_full
        from warren.cli.terminal import json_line

        if self._wish.as_groups:
            groups = self._groups.by_count()
            if self._wish.as_json:
                yield from (json_line(group.as_json(now=self._now, full=self._wish.full)) for group in groups)
            elif groups:
                yield draw_groups(groups, now=self._now)
            return
        self._file.seek(0)
        if self._wish.as_json:
            yield from (line.removesuffix("\n") for line in self._file)
        elif self._wish.full:
            yield from (write_in_full(number, json.loads(line)) for number, line in enumerate(self._file, start=1))
        else:
            yield from draw_messages(json.loads(line) for line in self._file)


def _conclude(wish: _Wish, look: _Look) -> int:
    """Say how much was seen."""
    if look.total == 0:
        hint = "" if wish.queue.endswith(".dead") else f"; dead letters would be in {wish.queue}.dead"
        say(f"{wish.queue} has no messages that are ready; what consumers hold is seen once they stop{hint}")
        return Exit.OK
    say(_summary(wish, look))
    if look.at_limit:
        say(
            f"warning: {look.at_limit:,} of them had no delivery left: now that they are given back, the broker "
            f"dead-letters them, or drops them where {wish.queue} has no dead-letter target"
        )
    if not look.kept_order:
        say(f"warning: messages that were given back to {wish.queue} before may have changed places")
    if look.stopped:
        say(f"error: {look.stopped}")
        return Exit.FAILED
    return Exit.OK


def _summary(wish: _Wish, look: _Look) -> str:
    messages = "message" if look.total == 1 else "messages"
    looked = f"looked at {look.looked:,} of {look.total:,} {messages} in {wish.queue}"
    if wish.selection:
        looked += f"; {look.found:,} {'matches' if look.found == 1 else 'match'} {wish.selection}"
    if look.looked < look.total and not look.stopped:
        looked += "; --limit N looks at N"
    return looked


# -- progress --------------------------------------------------------------------------------------


def _progress(total: int) -> AbstractContextManager[Callable[[int], None]]:
    if total < _WORTH_A_BAR or not sys.stderr.isatty():
        return nullcontext(lambda _number: None)
    return _bar(total)


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr; yield what counts messages."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("looking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=total)
        yield lambda number: bar.advance(task, number)
