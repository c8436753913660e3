"""`warren signals`: the five signals of every queue, and what is wrong; once as a check, or again and again.

Not here: what is wrong (`warren/signals/`), and how it is drawn (`table.py`).
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from warren.cli.exits import Exit
from warren.cli.failure import line_of, say
from warren.cli.signals.watching import Watching, watching_options
from warren.cli.terminal import json_line, pretty_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from warren.signals.collect import Collector
    from warren.signals.report import Report

__all__ = ["signals"]


@click.command(short_help="Tell the signals of every queue, and what is wrong.")
@watching_options
@click.option("--watch", is_flag=True, help="Tell again after every interval, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON: one object, with --watch one a line.")
def signals(watch: bool, as_json: bool, **chosen: Any) -> int:
    """Tell the signals of every queue of a virtual host, what is wrong, and what to do about it.

    With MODULE:APP those of its consumers' queues on its broker. Samples are taken for --window, because rates are
    differences; the broker's own figures are up to 5 seconds old. Dead letters are looked at, and given back in their
    order: --no-look leaves that out.

    The exit code is 1 where a finding is critical, so that it serves as a check; 4 where no broker answers.
    """
    watching = Watching(**chosen)
    with watching.collector() as collector:
        if watch:
            _watch(watching, collector, as_json=as_json)
        report = _once(watching, collector)
    _tell(report, as_json=as_json)
    return Exit.FAILED if report.is_critical else Exit.OK


def _once(watching: Watching, collector: Collector) -> Report:
    from warren.signals.recent import Recent
    from warren.signals.report import Report

    recent = Recent(watching.window)
    steps = math.ceil(watching.window / watching.interval)
    recent.add(collector.sample())
    start = time.monotonic()
    with _progress(watching.window) as advance:
        for step in range(1, steps + 1):
            due = start + min(step * watching.interval, watching.window)
            while (left := due - time.monotonic()) > 0:
                time.sleep(min(left, 0.2))
                advance(time.monotonic() - start)
            recent.add(collector.sample())
    return Report.of(recent)


def _watch(watching: Watching, collector: Collector, *, as_json: bool) -> NoReturn:
    """Tell of every sample from the second on. Ends with Ctrl-C, or where the first sample fails."""
    from warren.errors import BrokerRefused, BrokerUnavailable, TopologyMissing
    from warren.signals.recent import Recent
    from warren.signals.report import Report

    recent, failure = Recent(watching.window), ""
    recent.add(collector.sample())
    while True:
        time.sleep(watching.interval)
        try:
            recent.add(collector.sample())
        except (BrokerUnavailable, BrokerRefused, TopologyMissing) as error:
            if as_json:
                click.echo(json_line({"time": round(time.time(), 3), "error": line_of(error)}))
            elif line_of(error) != failure:
                failure = line_of(error)
                say(f"{failure}; trying again every {watching.interval:g} s")
            continue
        failure = ""
        _tell(Report.of(recent), as_json=as_json, again=True)


def _tell(report: Report, *, as_json: bool, again: bool = False) -> None:
    from warren.signals.report import describe_report

    if as_json:
        told = describe_report(report)
        click.echo(json_line(told) if again else pretty_json(told))
        return
    text = _drawn(report)
    if again:
        click.clear()  # only on a terminal
        moment = time.strftime("%H:%M:%S", time.localtime(report.time))
        click.echo(f"{moment}, over {report.span:.0f} s")
    click.echo(text)


def _drawn(report: Report) -> str:
    """Draw a report; Click leaves colours out where there is no terminal, and ends quietly where nobody reads."""
    from rich.console import Console

    from warren.cli.signals.table import report_lines

    console = Console(markup=False, highlight=False)
    with console.capture() as drawn:
        for line in report_lines(report):
            console.print(line)
    return "\n".join(line.rstrip() for line in drawn.get().splitlines())


@contextmanager
def _progress(window: float) -> Iterator[Callable[[float], object]]:
    """Show how much of the window is over, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("taking samples for {task.total:.0f} s"), BarColumn(), TextColumn("{task.completed:.0f} s"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=window)
        yield lambda over: progress.update(task, completed=over)
