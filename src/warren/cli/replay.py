"""`warren replay`: dead letters back to the queue of the consumer that failed.

Not here: the replay (`operations/replay.py`), or editing a message (`editing.py`).
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.moving import (
    check_queue,
    chosen_wish,
    filter_option,
    is_asked,
    limit_option,
    place_of,
    progress,
    told_how_far,
    yes_option,
)
from warren.cli.options import SECONDS, app_option, broker_option, broker_settings, timeout_option
from warren.errors import ConfigurationError, TopologyMissing, WarrenError
from warren.operations.tally import Tally

if TYPE_CHECKING:
    from warren.operations.lease import Held
    from warren.operations.outcomes import Outcomes
    from warren.operations.replay import Edited, Plan, Stopped
    from warren.operations.select import Selection
    from warren.transport.connection import Connection

__all__ = ["replay"]

_WITHOUT_ASKING: Final = 10  # messages


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What was asked for, beside which messages."""

    rate: float | None
    canary: int | None
    canary_timeout: float
    dry_run: bool
    edit: bool
    yes: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the messages are: a dead-letter queue, or a file; and how many there are."""

    queue: str
    file: Path | None
    total: int

    def __str__(self) -> str:
        return self.queue if self.file is None else str(self.file)


@click.command(short_help="Send dead letters back to the consumer that failed.")
@click.argument("source", metavar="QUEUE|FILE")
@filter_option
@click.option("--message-id", metavar="ID", help="Only the message with this id.")
@limit_option
@click.option("--rate", type=click.FloatRange(min=0.0, min_open=True), metavar="N", help="At most N messages a second.")
@click.option("--dry-run", is_flag=True, help="Only show what would be sent where.")
@click.option(
    "--canary", type=click.IntRange(min=1), default=None, metavar="N", help="Send N, and the rest once they succeeded."
)
@click.option(
    "--canary-timeout",
    type=SECONDS,
    default=60.0,
    show_default=True,
    help="How long the canary's messages may take to succeed, at most 25 minutes.",
)
@click.option("--edit", is_flag=True, help="Change the body of one message in $EDITOR first.")
@yes_option
@broker_option
@app_option
@timeout_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object with the counts.")
def replay(
    source: str,
    filters: tuple[str, ...],
    message_id: str | None,
    limit: int | None,
    broker: str | None,
    target: str | None,
    timeout: float,
    **chosen: Any,
) -> int:
    """Send the dead letters of QUEUE, or the messages of a FILE, back to the queue of the consumer that failed.

    QUEUE is a dead-letter queue, or the consumer's queue that has one beside it. What has a / or ends in .ndjson or
    .jsonl is a FILE that `warren drain` wrote. Each message is published to the queue itself, never through the
    exchange, as a first attempt; once that is confirmed the dead letter is acknowledged, or of a file, noted in
    FILE.replayed. Only what is there at the start is sent. Killed at any point nothing is lost: run it again.

    Nothing more is sent once a worker tells that a message died of what it had died of before. The exit code is 1 then.
    """
    from warren.operations.link import open_connection
    from warren.operations.replay import check_canary_timeout
    from warren.operations.select import Selection

    wish = _Wish(**chosen)
    check_canary_timeout(wish.canary_timeout)
    selection = Selection.parse([*filters, *([] if message_id is None else [f"id={message_id}"])])
    app = _load(target)
    settings = broker_settings(broker) if app is None or broker is not None else app.broker
    with open_connection(settings, f"warren replay {source}", timeout=timeout) as connection:
        place = _find(connection, source)
        plan = _plan(connection, place, selection, limit, wish)
        if wish.dry_run:
            return _show(connection, place, plan, wish)
        if wish.edit:
            from warren.cli.editing import edited

            plan = edited(connection, place.queue, place.file, plan, app)
        elif not _is_agreed(place, selection, limit, wish):
            say("nothing was sent")
            return Exit.FAILED
        return _replay(connection, place, plan, wish)


def _load(target: str | None) -> Any:
    if target is None:
        return None
    from warren.cli.loading import load

    return load(target).app


def _find(connection: Connection, source: str) -> _Source:
    from warren.operations.lease import Lease
    from warren.operations.resolve import dead_letter_queue_of
    from warren.operations.saved import check_saved

    place = place_of(source)
    if isinstance(place, Path):
        return _Source("", place, check_saved(place))
    queue = dead_letter_queue_of(place)
    try:
        check_queue(connection, queue, given=source)
    except TopologyMissing:
        if queue == place:
            raise
        check_queue(connection, place, given=source)
        say(f"note: there is no queue {queue}; the dead letters are looked for in {place} itself")
        queue = place
    with Lease.open(connection, queue) as lease:
        return _Source(queue, None, lease.depth())


def _plan(connection: Connection, place: _Source, selection: Selection, limit: int | None, wish: _Wish) -> Plan:
    from warren.operations.drain import Wish
    from warren.operations.homecoming import target_of_dead_letter, target_of_saved
    from warren.operations.replay import Plan

    if place.file is None:
        return Plan(
            resolve=target_of_dead_letter,
            wish=chosen_wish(connection, place.queue, selection, limit),
            rate=wish.rate,
            canary=wish.canary or 0,
            canary_timeout=wish.canary_timeout,
        )
    return Plan(
        resolve=target_of_saved,
        wish=Wish(matches=selection.matches if selection else None, limit=limit),
        rate=wish.rate,
        canary=wish.canary or 0,
        canary_timeout=wish.canary_timeout,
    )


def _is_agreed(place: _Source, selection: Selection, limit: int | None, wish: _Wish) -> bool:
    """Ask before more than a few messages move, where somebody is there to answer."""
    count = place.total if limit is None else min(limit, place.total)
    if wish.yes or count <= _WITHOUT_ASKING or not is_asked():
        return True
    which = f"up to {count:,} messages that match {selection}" if selection else f"{count:,} messages"
    return click.confirm(f"Send {which} from {place} back?", err=True)


# -- sending -----------------------------------------------------------------------------------


def _replay(connection: Connection, place: _Source, plan: Plan, wish: _Wish) -> int:
    from warren.operations.replay import replay_file, replay_queue

    tally = Tally(total=place.total)
    outcomes = _hear(connection, wish)

    def so_far() -> str:
        return _summary(place, plan, tally, outcomes)

    with told_how_far(so_far), progress(tally, "replaying"):
        if place.file is None:
            stopped = replay_queue(connection, place.queue, plan, tally, outcomes)
        else:
            stopped = replay_file(connection, place.file, plan, tally, outcomes)
    return _conclude(place, plan, tally, outcomes, stopped, wish)


def _hear(connection: Connection, wish: _Wish) -> Outcomes | None:
    from warren.operations.outcomes import Outcomes

    outcomes = Outcomes(connection)
    try:
        outcomes.open()
    except WarrenError as error:
        if wish.canary:
            raise ConfigurationError(f"no canary without hearing what becomes of it: {error}") from error
        say(f"note: what becomes of the messages cannot be heard: {error}")
        return None
    return outcomes


def _conclude(
    place: _Source, plan: Plan, tally: Tally, outcomes: Outcomes | None, stopped: Stopped | None, wish: _Wish
) -> int:
    if wish.as_json:
        told = {
            "replayed": tally.done,
            "already_replayed": tally.again,
            "of": tally.total,
            "stopped": None if stopped is None else stopped.reason,
        }
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(_summary(place, plan, tally, outcomes))
    if stopped is not None:
        say(f"error: stopped: {stopped.reason}; the rest is still in {place}")
        return Exit.FAILED
    if plan.edited is not None and tally.done == 0:
        kept = _keep(plan.edited)
        say(f"error: the message is no longer in {place}; nothing was sent, and what you wrote is in {kept}")
        return Exit.FAILED
    return Exit.OK


def _keep(edited: Edited) -> str:
    """Keep what a person has written where it was for nothing."""
    with tempfile.NamedTemporaryFile(prefix="warren-edited-", suffix=".json", delete=False) as file:
        file.write(edited.body)
    return file.name


def _summary(place: _Source, plan: Plan, tally: Tally, outcomes: Outcomes | None) -> str:
    messages = "message" if tally.total == 1 else "messages"
    text = f"{tally.done:,} of {tally.total:,} {messages} of {place} replayed"
    if tally.again:
        text += f"; {tally.again:,} had been before"
    if outcomes is not None and outcomes.died:
        text += f"; {len(outcomes.died):,} died again so far"
    return text


# -- the dry run -------------------------------------------------------------------------------


def _show(connection: Connection, place: _Source, plan: Plan, wish: _Wish) -> int:
    from warren.cli.inspected import draw_groups
    from warren.operations.groups import Groups

    groups, targets = Groups(), dict[str, int]()
    for queue, held in _chosen(connection, place, plan):
        groups.add(held)
        target = plan.resolve(queue, held.properties).queue
        targets[target] = targets.get(target, 0) + 1
    count = sum(targets.values())
    if wish.as_json:
        fingerprints = {group.fingerprint: group.count for group in groups.by_count()}
        click.echo(json.dumps({"would_replay": count, "to": targets, "fingerprints": fingerprints}, ensure_ascii=False))
        return Exit.OK
    if count:
        click.echo(draw_groups(groups.by_count(), now=time.time()))
    for target, number in targets.items():
        click.echo(f"{number:,} would go to {target}")
    messages = "message" if place.total == 1 else "messages"
    say(f"{count:,} of {place.total:,} {messages} of {place} would be replayed; nothing was sent")
    return Exit.OK


def _chosen(connection: Connection, place: _Source, plan: Plan) -> Iterator[tuple[str, Held]]:
    """Yield what a replay would send, and leave it where it is."""
    from warren.operations.drain import wanted
    from warren.operations.replay import fresh_messages
    from warren.operations.replay_log import ReplayLog
    from warren.operations.sweep import Sweep

    tally = Tally(total=place.total)
    if place.file is not None:
        done = ReplayLog.peek(place.file)
        for _, queue, held in fresh_messages(place.file, plan.wish, tally, done):
            yield queue, held
        return
    with progress(tally, "looking"), Sweep(connection, place.queue, at_most=plan.wish.reach) as sweep:
        for chosen in wanted(sweep, tally, plan.wish):
            for held in chosen:
                yield place.queue, held
