"""`warren topology plan|apply|show`: what an application needs on the broker, compared, created, or only listed.

Not here: the comparison and its wording (`warren/topology/`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.options import SECONDS, application

__all__ = ["topology"]

F = TypeVar("F", bound=Callable[..., Any])

as_json: Final = click.option("--json", "as_json", is_flag=True, help="Write JSON instead of text.")
timeout: Final = click.option(
    "--timeout", type=SECONDS, default=10.0, show_default=True, help="How long to wait for the broker."
)


@click.group(short_help="Compare or create what an application needs on the broker.")
def topology() -> None:
    """Compare or create what an application needs on the broker: exchanges, queues, bindings."""


@topology.command(short_help="Compare the application with the broker; change nothing.")
@application
@timeout
@as_json
def plan(target: str, timeout: float, as_json: bool) -> int:
    """Compare what MODULE:APP needs with what the broker has; change nothing.

    + is missing and would be created, ? is missing and somebody else's, ! differs and cannot be changed in place,
    · is worth knowing. The exit code is 0 where nothing is to be done, 1 where something is missing or differs.
    """
    from warren.cli.loading import load
    from warren.topology.render import describe_difference, describe_note, describe_plan, describe_step

    with load(target).app as app:
        app.connect(timeout=timeout)
        found = app.plan()
    if as_json:
        told = {
            "satisfied": found.is_satisfied,
            "missing": [describe_step(one) for one in found.missing],
            "required": [describe_step(one) for one in found.required],
            "differs": [describe_difference(one) for one in found.differs],
            "notes": [describe_note(one) for one in found.notes],
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        _echo(describe_plan(found))
        if found.missing and not (found.required or found.differs):
            say(f"create what is missing with: warren topology apply {target}")
    return Exit.OK if found.is_satisfied else Exit.FAILED


@topology.command(short_help="Create what is missing on the broker.")
@application
@timeout
@as_json
def apply(target: str, timeout: float, as_json: bool) -> int:
    """Create what MODULE:APP needs and the broker lacks.

    Nothing is deleted or changed. Where something differs, or is missing and somebody else's, nothing is created at
    all.
    """
    from warren.cli.loading import load

    with load(target).app as app:
        app.connect(timeout=timeout)
        created = app.apply_topology()
    if as_json:
        click.echo(json.dumps({"created": list(created)}, ensure_ascii=False, indent=2))
    else:
        _echo(f"+ {line}" for line in created)
        say(f"{len(created)} created" if created else "the broker has everything, as the code says")
    return Exit.OK


@topology.command(short_help="List what the application needs; asks no broker.")
@application
@as_json
def show(target: str, as_json: bool) -> int:
    """List the exchanges, queues and bindings of MODULE:APP. No broker is asked."""
    from warren.cli.loading import load

    app = load(target).app
    if as_json:
        click.echo(json.dumps(_plain(app.topology), ensure_ascii=False, indent=2, default=str))
    else:
        _show(app.topology)
    return Exit.OK


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)


def _plain(whole: Any) -> dict[str, Any]:
    from warren.topology import exchange_arguments, queue_arguments

    return {
        "exchanges": [
            {
                "name": exchange.name,
                "type": str(exchange.type),
                "durable": exchange.durable,
                "auto_delete": exchange.auto_delete,
                "internal": exchange.internal,
                "external": exchange.external,
                "arguments": dict(exchange_arguments(exchange)),
            }
            for exchange in whole.exchanges
        ],
        "queues": [
            {
                "name": queue.name,
                "type": str(queue.type),
                "durable": queue.durable,
                "external": queue.external,
                "arguments": dict(queue_arguments(queue)),
            }
            for queue in whole.queues
        ],
        "bindings": [
            {
                "source": binding.source,
                "destination": binding.destination,
                "destination_kind": str(binding.destination_kind),
                "routing_key": binding.routing_key,
                "arguments": dict(binding.arguments),
            }
            for binding in whole.bindings
        ],
    }


def _show(whole: Any) -> None:
    """Draw three tables."""
    plain = _plain(whole)
    _draw(
        ("Exchanges", "type", "declared with"),
        [(one["name"], one["type"], _declared(one)) for one in plain["exchanges"]],
    )
    _draw(
        ("Queues", "type", "declared with"),
        [(one["name"], one["type"], _declared(one)) for one in plain["queues"]],
    )
    _draw(
        ("Bindings of exchange", "lead to", "for"),
        [
            (
                one["source"],
                f"{one['destination_kind']} {one['destination']}",
                _lines(one["arguments"]) or one["routing_key"],
            )
            for one in plain["bindings"]
        ],
    )


def _draw(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    if rows:
        Console(markup=False, highlight=False).print(table)


def _declared(told: dict[str, Any]) -> str:
    words = [] if told["durable"] else ["transient"]
    words += [name for name in ("auto_delete", "internal", "external") if told.get(name)]
    return "\n".join([*words, _lines(told["arguments"])]).strip()


def _lines(arguments: dict[str, Any]) -> str:
    arguments = {name: value for name, value in arguments.items() if name != "x-queue-type"}
    return "\n".join(f"{name}={json.dumps(value, default=str)}" for name, value in arguments.items())
