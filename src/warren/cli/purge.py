"""`warren purge`: throws messages away, after showing them and being told so.

Not here: taking them (`operations/drain.py`), or how groups are drawn (`inspected.py`).
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.moving import check_queue, chosen_wish, filter_option, is_asked, place_of, progress, told_how_far
from warren.cli.options import broker_option, broker_settings, timeout_option
from warren.operations.tally import Tally

if TYPE_CHECKING:
    from warren.operations.drain import Wish
    from warren.transport.connection import Connection

__all__ = ["purge"]

_LOOKED_AT: Final = 100_000  # messages, to say of what there are how many


@click.command(short_help="Throw the messages of a queue away.")
@click.argument("queue")
@filter_option
@click.option("--to", "to", metavar="FILE", help="Drain them to this file first: they can be replayed from there.")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can answer.")
@broker_option
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object with the counts.")
def purge(
    queue: str, filters: tuple[str, ...], to: str | None, yes: bool, broker: str | None, timeout: float, as_json: bool
) -> int:
    """Throw away the messages that QUEUE has now, or those that match.

    It shows how many there are and of what, and wants the queue's name typed. What arrives meanwhile is kept, and what
    a consumer holds.
    """
    from warren.operations.link import open_connection
    from warren.operations.select import Selection

    selection, file = Selection.parse(filters), _file_of(to)
    if not (yes or is_asked()):
        raise click.UsageError("purge asks first; where nobody can answer, say --yes")
    with open_connection(broker_settings(broker), f"warren purge {queue}", timeout=timeout) as connection:
        check_queue(connection, queue, given=queue)
        wish = chosen_wish(connection, queue, selection, None)
        if not yes:
            wish = _look(connection, queue, wish)
            if wish.at_most == 0 or click.prompt("Type the name of the queue to purge it", err=True) != queue:
                say("nothing was purged")
                return Exit.OK if wish.at_most == 0 else Exit.FAILED
        tally = Tally()
        with told_how_far(lambda: _summary(queue, file, tally)), progress(tally, "purging"):
            _purge(connection, queue, file, tally, wish)
    if as_json:
        click.echo(json.dumps({"purged": tally.done, "of": tally.total, "file": None if file is None else str(file)}))
    else:
        click.echo(_summary(queue, file, tally))
    return Exit.OK


def _file_of(to: str | None) -> Path | None:
    place = None if to is None else place_of(to)
    if isinstance(place, str):
        raise click.UsageError(f"--to {place} names a queue; write --to {place}.ndjson for a file")
    return place


def _look(connection: Connection, queue: str, wish: Wish) -> Wish:
    """Show what would be purged; return the wish for no more than was there."""
    from dataclasses import replace

    from warren.cli.inspected import draw_groups
    from warren.operations.groups import Groups
    from warren.operations.lease import Lease
    from warren.operations.sweep import await_return

    groups, looked, found = Groups(), 0, 0
    with Lease.open(connection, queue) as lease:
        depth = lease.depth()
        for batch in lease.take(min(depth, _LOOKED_AT)):
            looked += len(batch)
            for held in batch:
                if wish.matches is None or wish.matches(held):
                    found += 1
                    groups.add(held)
    if found:
        click.echo(draw_groups(groups.by_count(), now=time.time()), err=True)
    await_return(connection, queue, depth)
    more = f" of the first {looked:,}" if looked < depth else ""
    say(f"{found:,}{more} of {depth:,} messages in {queue} would be purged" if wish.matches else f"{depth:,} messages")
    nothing = found == 0 and looked == depth
    return replace(wish, at_most=0 if nothing else depth)


def _purge(connection: Connection, queue: str, file: Path | None, tally: Tally, wish: Wish) -> None:
    from warren.operations.captures import CaptureFile
    from warren.operations.drain import drain_away, drain_to_file

    if file is None:
        drain_away(connection, queue, tally, wish)
        return
    with CaptureFile.open(file) as backup:
        drain_to_file(connection, queue, backup, tally, wish)


def _summary(queue: str, file: Path | None, tally: Tally) -> str:
    kept = "" if file is None else f"; they are in {file}"
    messages = "message" if tally.total == 1 else "messages"
    return f"{tally.done:,} of {tally.total:,} {messages} of {queue} purged{kept}"
