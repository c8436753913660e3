"""`warren drain`: messages out of a queue, into a file or another queue.

Not here: the moving (`operations/drain.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.moving import check_queue, chosen_wish, filter_option, limit_option, place_of, progress, told_how_far
from warren.cli.options import broker_option, broker_settings, timeout_option
from warren.operations.tally import Tally

__all__ = ["drain"]


@click.command(short_help="Take messages out of a queue, into a file or another queue.")
@click.argument("queue")
@click.option(
    "--to",
    "to",
    required=True,
    metavar="FILE|QUEUE",
    help="A value with a / or that ends in .ndjson or .jsonl is a file, any other a queue; file:… and queue:… say so.",
)
@filter_option
@limit_option
@broker_option
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object with the counts.")
def drain(
    queue: str,
    to: str,
    filters: tuple[str, ...],
    limit: int | None,
    broker: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Take the messages that QUEUE has now out of it.

    Into a FILE a message is written, and on disk, before it is acknowledged. It has everything of it, one JSON object
    a line; `warren replay FILE` brings it back. The same file again goes on at its end. Into another QUEUE it is
    published as it is and confirmed before it is acknowledged. Killed at any point nothing is lost: run it again.
    """
    from warren.operations.captures import CaptureFile
    from warren.operations.drain import drain_to_file, drain_to_queue
    from warren.operations.link import open_connection
    from warren.operations.select import Selection

    selection, place, tally = Selection.parse(filters), place_of(to), Tally()
    if place == queue:
        raise click.UsageError(f"{queue} is where the messages are; --to names another queue, or a file")

    def so_far() -> str:
        return _summary(queue, place, tally)

    with open_connection(broker_settings(broker), f"warren drain {queue}", timeout=timeout) as connection:
        check_queue(connection, queue, given=queue)
        wish = chosen_wish(connection, queue, selection, limit)
        if isinstance(place, Path):
            with CaptureFile.open(place) as file, told_how_far(so_far), progress(tally, "draining"):
                _tell_of_former_run(file)
                drain_to_file(connection, queue, file, tally, wish)
        else:
            check_queue(connection, place, given=to)
            with told_how_far(so_far), progress(tally, "moving"):
                drain_to_queue(connection, queue, place, tally, wish)
    if as_json:
        click.echo(json.dumps({"drained": tally.done, "already_there": tally.again, "of": tally.total}))
    else:
        click.echo(so_far())
    return Exit.OK


def _tell_of_former_run(file: object) -> None:
    torn = getattr(file, "torn", 0)
    if torn:
        say(f"note: cut {torn:,} bytes that a killed run had begun; their message is still in the queue")


def _summary(queue: str, place: Path | str, tally: Tally) -> str:
    verb = "drained to" if isinstance(place, Path) else "moved to queue"
    messages = "message" if tally.total == 1 else "messages"
    text = f"{tally.done:,} of {tally.total:,} {messages} of {queue} {verb} {place}"
    if tally.again:
        text += f"; {tally.again:,} of them were there already, from a run that was killed"
    return text
