"""`warren demo`: orders processed, retried, absorbed and dead-lettered before your eyes, then counted.

Not here: each step; this is the order they come in.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from warren.cli.exits import Exit

if TYPE_CHECKING:
    from rich.console import Console

    from warren.cli.demo.evidence import Evidence
    from warren.cli.demo.example import Example
    from warren.cli.demo.place import Place
    from warren.cli.demo.script import Item

__all__ = ["demo"]

_SHOW_SECONDS: Final = 6.0
"""How long publishing takes when somebody watches."""

_PATIENCE: Final = 60.0
"""Seconds after the last publish in which everything has to be settled."""


@click.command(short_help="Watch orders being processed, retried and dead-lettered.")
@click.option("--orders", type=click.IntRange(20, 20_000), default=300, show_default=True, help="How many orders.")
@click.option("--seed", type=int, default=4821, show_default=True, help="Another seed, other orders.")
@click.option("--broker", metavar="URL", help="Use a running broker, in a virtual host made for the demo.")
@click.option("--rabbitmq", is_flag=True, help="Use a private RabbitMQ node instead of the embedded broker.")
@click.option("--fast", is_flag=True, help="Publish as fast as possible, also when somebody watches.")
@click.option("--dashboard", is_flag=True, help="Serve the dashboard, and keep orders coming until Ctrl-C.")
def demo(orders: int, seed: int, broker: str | None, rabbitmq: bool, fast: bool, dashboard: bool) -> int:
    """Run the orders and invoices example (examples/orders) and check its books.

    Some hundreds of orders go to a topic exchange; two consumers make invoices and shipping labels of them. Some fail
    and recover, some fail for good, some fit no contract, some are published twice. At the end every number is read
    from the broker's queues and the databases: published = effects + dead letters, and no effect twice.

    Without --broker the embedded broker is started on free ports, or RabbitMQ with --rabbitmq, and nothing of it
    stays. The exit code is 0 only if the books close. With --dashboard the web pages show it, messages may be
    replayed, edited and discarded there, and the books are closed after Ctrl-C.
    """
    from rich.console import Console

    console = Console(highlight=False)
    with ExitStack() as ends:
        ends.enter_context(_ended_by_signals())
        folder = Path(
            ends.enter_context(tempfile.TemporaryDirectory(prefix="warren-demo-", ignore_cleanup_errors=True))
        )
        place = _open_place(ends, console, folder, broker, rabbitmq=rabbitmq)
        if dashboard:
            from warren.cli.demo.endless import run_with_dashboard

            evidence = run_with_dashboard(console, place, folder, orders, seed)
        else:
            seconds = _SHOW_SECONDS if console.is_terminal and not fast else 0.0
            evidence = _run(console, place, folder, orders, seed, seconds)
    return _judge(console, evidence)


def _open_place(ends: ExitStack, console: Console, folder: Path, broker: str | None, *, rabbitmq: bool) -> Place:
    from warren.cli.demo.place import embedded_broker, existing_broker, private_node

    if broker is not None:
        place = ends.enter_context(existing_broker(broker))
        console.print(f"on {place.name}", markup=False)
        return place
    started = time.monotonic()
    with console.status("starting a broker …"):
        place = ends.enter_context(private_node(folder) if rabbitmq else embedded_broker(folder))
    console.print(f"on {place.name}, started in {time.monotonic() - started:.1f} s", markup=False)
    return place


def _run(console: Console, place: Place, folder: Path, orders: int, seed: int, seconds: float) -> Evidence:
    """Publish and consume until all is settled, stop the worker, and read what is true then."""
    from warren.cli.demo.evidence import WITNESS, gather
    from warren.cli.demo.example import load_example
    from warren.cli.demo.script import EXCHANGE, write_script

    example = load_example(broker=place.url, folder=folder)
    script = write_script(orders, seed=seed)
    with example.app:
        example.app.apply_topology()
        place.api.declare_witness(WITNESS, EXCHANGE)
        _play(console, example, script, seconds)
    return gather(place.api, folder, example.consumers, confirmed=len(script))


def _play(console: Console, example: Example, script: list[Item], seconds: float) -> None:
    from warren.cli.demo.producer import Producer
    from warren.cli.demo.tally import Tally
    from warren.cli.demo.view import view_for
    from warren.config import WorkerSettings

    tally = Tally(example.app.events, example.consumers)
    with ExitStack() as ends:
        ends.enter_context(example.app.worker(WorkerSettings(grace=5.0)))
        producer = ends.enter_context(Producer(example.app, example.contract))
        view = ends.enter_context(view_for(console, tally, len(script)))
        view.phase(f"publishing {len(script)} messages")
        producer.publish(script, seconds=seconds, watch=view.watch)
        view.phase("all are published; the last ones are being processed")
        deadline = time.monotonic() + _PATIENCE
        while not tally.is_settled(len(script)) and time.monotonic() < deadline:
            view.watch()


def _judge(console: Console, evidence: Evidence) -> int:
    from warren.cli.demo.ledger import open_account
    from warren.cli.demo.report import show_report

    accounts = [open_account(evidence, consumer) for consumer in evidence.consumers]
    show_report(console, evidence, accounts)
    return Exit.OK if all(account.closes for account in accounts) else Exit.FAILED


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Leave the block orderly on SIGTERM and SIGHUP too, not only on Ctrl-C."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    former = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
