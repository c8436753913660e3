"""`warren contracts`: the message contracts of an application, locked in a file and checked against it.

Not here: the comparison (`warren/contracts/evolution/`), and `asyncapi` (`asyncapi.py`).
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.asyncapi import asyncapi
from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.options import application

if TYPE_CHECKING:
    from warren.contracts.evolution.check import Report
    from warren.contracts.evolution.findings import Finding
    from warren.contracts.evolution.lock import Lock

__all__ = ["contracts"]

DEFAULT_LOCK: Final = Path("contracts.lock.json")
lock_file: Final = click.option(
    "--file",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    default=DEFAULT_LOCK,
    show_default=True,
    help="The lock.",
)
mode_option: Final = click.option(
    "--mode",
    type=click.Choice(["backward", "forward", "full"]),
    default="full",
    show_default=True,
    help="backward: new consumers read what old producers sent; forward: old consumers read what new producers "
    "send; full: both.",
)


@click.group(short_help="Lock, check and describe the message contracts of an application.")
def contracts() -> None:
    """Lock, check and describe the message contracts of an application. No broker is asked."""


contracts.add_command(asyncapi)


@contracts.command(short_help="Write the contracts to a file, to be committed.")
@application
@lock_file
@mode_option
@click.option("--allow-breaking", is_flag=True, help="Lock changes that break producers or consumers as well.")
def lock(target: str, path: Path, mode: str, allow_breaking: bool) -> int:
    """Write the contracts of MODULE:APP to a file: the JSON Schema of each, where it is published, who consumes it.

    Where the file exists, changes that break producers or consumers are refused, as by `warren contracts check`. What
    the application publishes is what it names with `app.publishes(…)`.
    """
    from warren.contracts.evolution.lock import Lock

    current = _current(target)
    if path.exists() and not allow_breaking:
        report = _report(Lock.load(path), current, mode)
        if not report.is_compatible:
            _tell(report.breaking, err=True)
            say(f"error: not locked: {_summary(report)}; lock it all the same with --allow-breaking")
            return Exit.FAILED
    if path.exists() and path.read_bytes() == current.text().encode():
        say(f"{path} has them already: {_counted(current)}")
        return Exit.OK
    current.save(path)
    say(f"{path} written: {_counted(current)}; commit it")
    return Exit.OK


@contracts.command(short_help="Fail where contracts changed so that producers or consumers break.")
@application
@lock_file
@mode_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of text.")
def check(target: str, path: Path, mode: str, as_json: bool) -> int:
    """Compare the contracts of MODULE:APP with those that were locked.

    Each finding names the message and the field, what changed, who breaks, and what to do. The exit code is 1 where
    something breaks; remarks (marked with ·) fail nothing.
    """
    from warren.contracts.evolution.lock import Lock

    report = _report(Lock.load(path), _current(target), mode)
    if as_json:
        click.echo(json.dumps(_plain(report), ensure_ascii=False, indent=2))
    else:
        _tell(report.findings)
        say(_summary(report))
        if report.is_compatible and report.is_stale:
            where = "" if path == DEFAULT_LOCK else f" --file {shlex.quote(str(path))}"
            say(f"{path} is older than the code; bring it up to date with: warren contracts lock {target}{where}")
    return Exit.OK if report.is_compatible else Exit.FAILED


def _current(target: str) -> Lock:
    from warren.cli.loading import load
    from warren.contracts.evolution.lock import Lock

    app = load(target).app
    return Lock.of(
        app.name,
        published=app.published_messages,
        consumers={spec.name: spec.contracts.classes for spec in app.consumers},
    )


def _report(locked: Lock, current: Lock, mode: str) -> Report:
    from warren.contracts.evolution.check import check as compare
    from warren.contracts.evolution.findings import Mode

    return compare(locked, current, Mode(mode))


# -- words --------------------------------------------------------------------------------


def _tell(findings: tuple[Finding, ...], *, err: bool = False) -> None:
    for one in findings:
        where = f" {one.field}" if one.field else ""
        click.echo(f"{'✗' if one.is_breaking else '·'} {one.type} v{one.version}{where}: {one.change}", err=err)
        breaks = f"breaks {one.breaks} ({one.direction}): " if one.is_breaking else ""
        click.echo(f"    {breaks}{one.because}", err=err)
        click.echo(f"    → {one.advice}", err=err)


def _summary(report: Report) -> str:
    count = len(report.breaking)
    asked = "backward and forward" if report.mode == "full" else str(report.mode)
    if not count:
        return f"compatible ({asked})"
    return f"{count} breaking change{'s' if count > 1 else ''} ({asked})"


def _counted(lock: Lock) -> str:
    count = len(lock.contracts)
    return f"{count} contract{'' if count == 1 else 's'}"


def _plain(report: Report) -> dict[str, Any]:
    return {
        "compatible": report.is_compatible,
        "mode": str(report.mode),
        "stale": report.is_stale,
        "findings": [
            {
                "type": one.type,
                "version": one.version,
                "field": one.field,
                "change": one.change,
                "breaking": one.is_breaking,
                "direction": str(one.direction),
                "breaks": one.breaks if one.is_breaking else None,
                "because": one.because,
                "advice": one.advice,
            }
            for one in report.findings
        ],
    }
