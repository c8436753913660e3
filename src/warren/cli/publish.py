"""`warren publish`: messages from the command line, a file or stdin, each validated before it is sent.

Not here: reading a line under its contract (`messages.py`), telling what became of it (`results.py`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.exits import Exit
from warren.cli.failure import line_of, say
from warren.cli.options import SECONDS, application
from warren.errors import ConfigurationError, ContractError, PublishError, WarrenError

if TYPE_CHECKING:
    from warren.app import Warren
    from warren.cli.messages import Reader
    from warren.cli.results import Results
    from warren.contracts.message import Message
    from warren.publishing import PublishOptions

__all__ = ["publish"]

_SHOWN: Final = 20  # invalid lines of a file

Lines = Iterable[tuple[int, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What was asked for beside the messages."""

    message_id: str | None
    correlation_id: str | None
    headers: tuple[str, ...]
    timeout: float
    as_json: bool


@click.command(short_help="Publish messages, validated before they are sent.")
@application
@click.argument("type_name", metavar="TYPE")
@click.argument("source", metavar="[JSON|FILE|-]", default="-")
@click.option("--message-id", help="The message's id, for a single message (default: a new one).")
@click.option("--correlation-id", help="The correlation id of every message.")
@click.option("--header", "headers", multiple=True, metavar="NAME=TEXT", help="A header; may be given several times.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=10.0,
    show_default=True,
    help="How long to wait for the broker, and then for the confirm of each message.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object for each message instead of its id.")
def publish(target: str, type_name: str, source: str, **chosen: Any) -> int:
    """Publish messages of TYPE (a type like orders.created, or a class name) of MODULE:APP.

    JSON is one message. FILE has one on each line (NDJSON): all are validated first, and where one is invalid none is
    sent. With - lines are read from stdin and sent as they come, up to the first invalid one.

    Message ids go to stdout once the broker has confirmed the message and a queue has received it. The exit code is 1
    where a message is invalid or was not confirmed.
    """
    from warren.cli.loading import load
    from warren.cli.messages import Reader, find_contract

    options = _Options(**chosen)
    loaded = load(target)
    reader = Reader(find_contract(loaded, type_name))
    if source != "-" and not source.lstrip().startswith(("{", "[")):
        return _publish_file(loaded.app, reader, Path(source), options)
    if source != "-":
        return _publish_one(loaded.app, reader.read(source.encode()), options)
    if options.message_id is not None:
        raise click.UsageError("--message-id is for a single message, given as JSON")
    return _publish_lines(loaded.app, reader, reader.lines(sys.stdin.buffer), options, total=None)


def _publish_file(app: Warren, reader: Reader, path: Path, options: _Options) -> int:
    if not path.is_file():
        raise click.UsageError(f"{str(path)!r} is neither JSON nor a file")
    if options.message_id is not None:
        raise click.UsageError("--message-id is for a single message, given as JSON")
    with path.open("rb") as lines:
        valid, invalid = _check(reader, path, reader.lines(lines))
    if invalid:
        say(f"error: nothing was sent: {invalid:,} of {valid + invalid:,} lines of {path} are invalid")
        return Exit.FAILED
    with path.open("rb") as lines:
        return _publish_lines(app, reader, reader.lines(lines), options, total=valid)


def _check(reader: Reader, path: Path, lines: Lines) -> tuple[int, int]:
    """Count valid and invalid lines; say of the first invalid ones why."""
    valid = invalid = 0
    for number, line in lines:
        try:
            reader.read(line)
            valid += 1
        except ContractError as error:
            invalid += 1
            if invalid <= _SHOWN:
                say(f"error: {path} line {number}: {line_of(error)}")
    return valid, invalid


# -- sending ---------------------------------------------------------------------------------


def _publish_one(app: Warren, message: Message, options: _Options) -> int:
    from warren.cli.results import failure, success

    publish_options = _publish_options(options)
    with app:
        app.connect(timeout=options.timeout)
        try:
            receipt = app.publish(message, timeout=options.timeout, **publish_options)
        except PublishError as error:
            if options.as_json:
                click.echo(failure(1, error))
            raise
    click.echo(success(1, receipt) if options.as_json else receipt.message_id)
    where = f"exchange {receipt.exchange}, key {receipt.routing_key}" if receipt.exchange else receipt.routing_key
    say(f"confirmed in {receipt.seconds * 1000:.0f} ms: {where}")
    return Exit.OK


def _publish_lines(app: Warren, reader: Reader, lines: Lines, options: _Options, *, total: int | None) -> int:
    from warren.cli.results import Results

    publish_options = _publish_options(options)
    started = time.monotonic()
    with ExitStack() as ends:
        ends.callback(app.close)
        app.connect(timeout=options.timeout)
        has_bar = sys.stderr.isatty()
        advance = ends.enter_context(_progress(total)) if has_bar else _uncounted
        show_ids = not (has_bar and sys.stdout.isatty())  # ids and a progress bar do not share a terminal
        results = Results(as_json=options.as_json, show_ids=show_ids, on_settled=advance)
        try:
            invalid = _send(app, reader, lines, publish_options, options.timeout, results)
        except KeyboardInterrupt:
            results.finish()
            say(_summary(results))
            raise
        results.finish()
    return _conclude(results, invalid, time.monotonic() - started)


def _publish_options(options: _Options) -> PublishOptions:
    chosen: PublishOptions = {}
    if options.message_id is not None:
        chosen["message_id"] = options.message_id
    if options.correlation_id is not None:
        chosen["correlation_id"] = options.correlation_id
    if options.headers:
        pairs = [header.partition("=") for header in options.headers]
        for name, separator, _ in pairs:
            if not (name and separator):
                raise click.UsageError(f"--header takes NAME=TEXT, not {name!r}")
        chosen["headers"] = {name: text for name, _, text in pairs}
    return chosen


def _send(
    app: Warren, reader: Reader, lines: Lines, options: PublishOptions, timeout: float, results: Results
) -> str | None:
    """Send line by line; return what made the input end early, None where all of it was read."""
    with app.publisher() as publisher:
        for number, line in lines:
            if results.is_broken:
                return None
            try:
                message = reader.read(line)
            except ContractError as error:
                return f"line {number}: {line_of(error)}"
            try:
                results.add(number, publisher.submit(message, timeout=timeout, **options))
            except ConfigurationError:
                raise
            except WarrenError as error:
                results.add(number, error)
            except ValueError as error:
                results.add(number, PublishError(str(error)))
    return None


def _summary(results: Results) -> str:
    counts = ["1 message confirmed" if results.confirmed == 1 else f"{results.confirmed:,} messages confirmed"]
    if results.failed:
        counts.append(f"{results.failed:,} failed")
    if results.indeterminate:
        counts.append(f"{results.indeterminate:,} may or may not have arrived")
    return ", ".join(counts)


def _conclude(results: Results, invalid: str | None, seconds: float) -> int:
    """Say how it went as a whole."""
    summary = _summary(results)
    if invalid is not None:
        say(f"error: {invalid}; {summary} before it, the rest was not read")
        return Exit.FAILED
    if results.failed or results.indeterminate:
        say(f"error: {summary}")
        return Exit.FAILED
    say(f"{summary} in {seconds:.1f} s")
    return Exit.OK


# -- progress --------------------------------------------------------------------------------


def _uncounted() -> None:
    """Where no progress is shown."""


@contextmanager
def _progress(total: int | None) -> Iterator[Callable[[], None]]:
    """Show a progress bar on stderr; yield what counts one message."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("publishing", total=total)
        yield lambda: bar.advance(task)
