"""`warren top`: the queues on a full screen, the worst first, with keys.

Not here: what is shown (`state.py`), how (`view.py`), and the thread that takes samples (`sampler.py`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.signals.watching import Watching, watching_options

if TYPE_CHECKING:
    from warren.cli.top.sampler import Sampler
    from warren.cli.top.state import State
    from warren.signals.collect import Collector
    from warren.signals.samples import Sample

__all__ = ["top"]

_TICK: Final = 1.0


@click.command(short_help="Watch the queues on a full screen, the worst first.")
@watching_options
def top(**chosen: Any) -> int:
    """Watch the queues of a virtual host on a full screen, those in trouble first.

    With MODULE:APP those of its consumers' queues on its broker. Keys: q quits, s sorts in another way, p pauses, the
    arrows select a queue, enter shows it with its findings and what to do about them, ? helps.

    A broker that goes away is told of on the screen, which goes on once it is back. Without a terminal use
    `warren signals --watch`.
    """
    watching = Watching(**chosen)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("top needs a terminal; without one use `warren signals --watch`")
    collector = watching.collector()
    say("connecting …")
    try:
        first = collector.sample()  # what fails at once ends the command, with a line
    except BaseException:
        collector.close()
        raise
    return _show(watching, collector, first)


def _show(watching: Watching, collector: Collector, first: Sample) -> int:
    from rich.console import Console
    from rich.live import Live

    from warren.cli.top.sampler import Sampler
    from warren.cli.top.state import State
    from warren.cli.top.terminal import Terminal, ended_by_signals
    from warren.cli.top.view import Screen
    from warren.signals.recent import Recent
    from warren.signals.report import Report

    console = Console(markup=False, highlight=False)
    recent = Recent(watching.window)
    recent.add(first)
    terminal = Terminal()
    sampler = Sampler(collector, recent, interval=watching.interval, on_news=terminal.wake)
    state = State().reported(Report.of(recent))
    screen = Live(console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False)
    sampler.start()
    try:
        with ended_by_signals(terminal.wake), terminal, screen:
            while not state.is_over:
                screen.update(Screen(state, window=watching.window), refresh=True)
                state = _next(state, terminal.wait(_TICK), sampler, console.height)
    finally:
        sampler.stop()
    return Exit.OK


def _next(state: State, typed: bytes, sampler: Sampler, height: int) -> State:
    from warren.cli.top.keys import decode_keys
    from warren.cli.top.view import rows_for
    from warren.signals.report import Report

    for key in decode_keys(typed):
        state = state.pressed(key, rows=rows_for(height))
    for news in sampler.news():
        if isinstance(news, BaseException):
            raise news
        state = state.reported(news) if isinstance(news, Report) else state.failed(news)
    return state
