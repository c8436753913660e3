"""One message's body, changed in $EDITOR and validated, before it is replayed.

Not here: sending it (`operations/replay.py`).

The message is given back while it is edited, so that nothing is held, and found again by its content.
"""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from warren.cli.failure import say
from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from warren.app import Warren
    from warren.contracts.lookup import Contracts
    from warren.operations.lease import Held
    from warren.operations.replay import Plan
    from warren.transport.connection import Connection

__all__ = ["edited"]


def edited(connection: Connection, queue: str, file: Path | None, plan: Plan, app: Warren | None) -> Plan:
    """Let the one message that is meant be edited; return the plan that sends it so.

    Raises `ConfigurationError` where it is not one message, cannot be edited, or was not changed.
    """
    from warren.operations.captures import identity_of
    from warren.operations.editing import check_editable
    from warren.operations.replay import Edited
    from warren.operations.replaying import Edit

    home, held = _the_one(connection, queue, file, plan)
    target = plan.resolve(home, held.properties)
    if target.fingerprint is None:
        raise ConfigurationError(f"the message is no dead letter of {target.queue}; only those are edited")
    check_editable(held)
    contracts = _contracts(app, target.queue)
    body = _changed(held, contracts)
    meant = identity_of(held)
    return replace(
        plan,
        wish=replace(plan.wish, matches=lambda each: identity_of(each) == meant, limit=1),
        edited=Edited(body, Edit(by=f"{_user()}@{socket.gethostname()}", at=time.time())),
    )


def _the_one(connection: Connection, queue: str, file: Path | None, plan: Plan) -> tuple[str, Held]:
    found = list(_first_two(connection, queue, file, plan))
    if not found:
        raise ConfigurationError(f"no message of {file or queue} matches; --message-id names the one to edit")
    if len(found) > 1:
        raise ConfigurationError("--edit is for one message, and several match; choose it with --message-id")
    return found[0]


def _first_two(connection: Connection, queue: str, file: Path | None, plan: Plan) -> Iterator[tuple[str, Held]]:
    from warren.operations.drain import wanted
    from warren.operations.saved import saved_messages
    from warren.operations.sweep import Sweep
    from warren.operations.tally import Tally

    wish = replace(plan.wish, limit=2)
    if file is not None:
        saved = ((home, held) for _, home, held in saved_messages(file))
        yield from islice((each for each in saved if wish.matches is None or wish.matches(each[1])), 2)
        return
    with Sweep(connection, queue, at_most=wish.reach) as sweep:
        for chosen in wanted(sweep, Tally(), wish):
            yield from ((queue, held) for held in chosen)


def _contracts(app: Warren | None, target: str) -> Contracts | None:
    if app is None:
        say("note: without --app the body is only checked to be JSON")
        return None
    for spec in app.consumers:
        if spec.queue.name == target:
            return spec.contracts
    raise ConfigurationError(f"application {app.name} does not consume {target}, so it has no contract for it")


def _changed(held: Held, contracts: Contracts | None) -> bytes:
    from warren.operations.editing import compacted, problems_of, text_of

    shown = text = text_of(held.body)
    while True:
        written = click.edit(text, extension=".json")
        if written is None or written.strip() == shown.strip():
            raise ConfigurationError(
                "the message was not changed; nothing was sent. Without --edit it is sent as it is"
            )
        problems = problems_of(held, written, contracts)
        if not problems:
            return compacted(written)
        say(f"error: {'; '.join(map(str, problems))}")
        if not click.confirm("Edit it again?", err=True):
            raise ConfigurationError("what was written does not fit; nothing was sent")
        text = written


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
