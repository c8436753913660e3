"""How an error ends a command: one line on stderr that says what to do, and an exit code.

Not here: the errors themselves (`warren/errors.py`).
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import click

from warren.cli.exits import Exit
from warren.errors import (
    BrokerUnavailable,
    ConfigurationError,
    StoreUnavailable,
    TopologyConflict,
    TopologyMissing,
    WarrenError,
)

__all__ = ["Debug", "exit_code", "line_of", "say", "tell"]


@dataclass(slots=True)
class Debug:
    """Whether `--debug` was given: then errors come with their traceback."""

    on: bool = False


def tell(error: BaseException, debug: Debug) -> int:
    """Write an error to stderr, and return the exit code it stands for."""
    if debug.on and not isinstance(error, (click.ClickException, click.Abort)):
        traceback.print_exception(error)
    code = exit_code(error)
    say("interrupted" if code is Exit.INTERRUPTED else f"error: {line_of(error)}")
    return code


def say(text: str) -> None:
    """Write one line to stderr."""
    click.echo(text, err=True)


def exit_code(error: BaseException) -> Exit:
    """Return the exit code an error stands for."""
    match error:
        case click.Abort() | KeyboardInterrupt():
            return Exit.INTERRUPTED
        case click.ClickException() | ConfigurationError():
            return Exit.CONFIGURATION
        case BrokerUnavailable() | StoreUnavailable():
            return Exit.UNAVAILABLE
        case _:
            return Exit.FAILED


def line_of(error: BaseException) -> str:
    """Say in one line what went wrong, and what to do."""
    match error:
        case click.UsageError(ctx=context):
            help_of = context.command_path if context is not None else "warren"
            return f"{_one_line(error.format_message()).rstrip('.')}; see `{help_of} --help`"
        case click.ClickException():
            return _one_line(error.format_message())
        case TopologyConflict(differences=lines) | TopologyMissing(missing=lines) if len(lines) > 0:
            return _listed(str(error), lines)
        case WarrenError():
            return _one_line(str(error))
        case _:
            return f"unexpected {type(error).__name__}: {_one_line(str(error))} (--debug shows where)"


def _listed(text: str, lines: tuple[str, ...]) -> str:
    """Shorten an error that lists a topology's differences to the first of them."""
    summary = text.splitlines()[0]
    if lines[0] not in summary:
        summary = f"{summary} {lines[0]}"
    if len(lines) == 1:
        return _one_line(summary)
    return _one_line(f"{summary} (and {len(lines) - 1} more; `warren topology plan` lists them)")


def _one_line(text: str) -> str:
    return " ".join(text.split())
