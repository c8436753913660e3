"""`python -m bench.brokers`: the embedded broker beside RabbitMQ, with the same clients in the same run.

Not here: Warren beside other libraries (run.py), or what the embedded broker alone takes (footprint.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

from bench.environment import machine
from bench.footprint import Footprint, measure_footprint
from bench.limit import build_limit
from bench.measures import Bench, Rate
from bench.peers import RUNNERS, Runner
from bench.processes import Failed
from bench.queues import Queues
from bench.server import BrokerProcess

RESULTS = Path(__file__).parent / "results"
EMBEDDED = "embedded"
_RELEASES = ("3.10", "4.0")
_CLIENTS = ("librabbitmq", "pika by hand, select")
_WANTED = 2.0
"""How many times as fast as RabbitMQ the embedded broker is to be with the C client."""

console = Console()
if not console.is_terminal:
    console = Console(width=132)


@dataclass(frozen=True, slots=True)
class Place:
    """One broker with one type of queue."""

    broker: str
    queue_type: str

    def __str__(self) -> str:
        return f"{self.broker}, {self.queue_type}"


Key = tuple[Place, str, str]
"""A place, the name of a client, and `publish` or `consume`."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rounds", default=3, help="Repetitions; the median is shown.")
@click.option("--messages", default=100_000, help="Messages a step.")
@click.option("--quick", is_flag=True, help="One round of a fifth of the messages, and a small backlog.")
@click.option("--footprint/--no-footprint", default=True, help="Measure memory, start and scaling too.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where JSON and Markdown go.")
def main(rounds: int, messages: int, quick: bool, footprint: bool, results: Path) -> None:
    """Measure the embedded broker and RabbitMQ side by side, confirmed and persistent."""
    if quick:
        rounds, messages = 1, messages // 5
    clients = [runner for runner in RUNNERS if runner.name in _CLIENTS]
    if not build_limit(console):
        clients = [runner for runner in clients if runner.name != _CLIENTS[0]]
    figures: dict[Key, list[Rate]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="warren-bench-") as folder, contextlib.ExitStack() as ends:
        urls = dict(_start_brokers(ends, Path(folder)))
        for number in range(1, rounds + 1):
            _round(urls, clients, messages, figures, f"round {number} of {rounds}")
    sizes = measure_footprint(console, backlog=100_000 if quick else 1_000_000) if footprint else None
    rates = {key: median(rate.per_second for rate in found) for key, found in figures.items()}
    _show(rates, clients, sizes)
    _write(results, rates, clients, sizes, rounds=rounds, messages=messages)


def _start_brokers(ends: contextlib.ExitStack, folder: Path) -> Iterator[tuple[str, str]]:
    from tests.services.places import RELEASES
    from warren.integrations.rabbitmq_node import RabbitmqNode

    embedded = ends.enter_context(BrokerProcess(folder / EMBEDDED))
    yield EMBEDDED, embedded.url
    for release in _RELEASES:
        node = RabbitmqNode(folder / release, root=RELEASES[release].root())
        with console.status(f"starting RabbitMQ {node.version}"):
            node.start()
        ends.callback(node.kill)
        yield f"RabbitMQ {release}", node.url


def _round(
    urls: dict[str, str], clients: list[Runner], messages: int, figures: dict[Key, list[Rate]], title: str
) -> None:
    for name, url in urls.items():
        with contextlib.closing(Queues(url)) as queues:
            for queue_type in ("classic", "quorum"):
                place = Place(name, queue_type)
                bench = Bench(queues=queues, url=url, queue_type=queue_type, messages=messages)
                for client in clients:
                    steps: dict[str, Callable[[Runner], Rate]] = {"publish": bench.publish, "consume": bench.consume}
                    for what, take in steps.items():
                        with console.status(f"{title}: {place}, {client.name}, {what}"):
                            try:
                                figures[place, client.name, what].append(take(client))
                            except Failed as failure:
                                console.print(f"[red]{place}, {client.name}, {what}: {failure}", highlight=False)


# -- the tables -----------------------------------------------------------------------------


def _ratio(rates: dict[Key, float], key: Key) -> float | None:
    """Return how many times as fast the embedded broker is as the one of `key`, on its faster type of queue."""
    _, client, what = key
    own = [rate for (p, c, w), rate in rates.items() if p.broker == EMBEDDED and (c, w) == (client, what)]
    return max(own) / rates[key] if own and key in rates else None


def _rows(rates: dict[Key, float], clients: list[Runner]) -> Iterator[list[str]]:
    places = list(dict.fromkeys(place for place, _, _ in rates))
    for place in places:
        row = [str(place)]
        for client in clients:
            for what in ("publish", "consume"):
                rate = rates.get((place, client.name, what))
                ratio = None if place.broker == EMBEDDED else _ratio(rates, (place, client.name, what))
                row.append("–" if rate is None else f"{rate:,.0f}" + (f" (× {ratio:.2f})" if ratio else ""))
        yield row


def _headings(clients: list[Runner]) -> list[str]:
    return ["broker", *(f"{client.name} {what}" for client in clients for what in ("publish", "consume"))]


def _verdicts(rates: dict[Key, float]) -> Iterator[str]:
    for what in ("publish", "consume"):
        ratios = {
            str(key[0]): ratio
            for key in rates
            if key[0].broker != EMBEDDED and key[1:] == (_CLIENTS[0], what) and (ratio := _ratio(rates, key))
        }
        if ratios:
            against = min(ratios, key=lambda name: ratios[name])
            met = "met" if ratios[against] >= _WANTED else "missed"
            yield f"{what} with the C client: {ratios[against]:.2f} × {against} (wanted: {_WANTED:g}; {met})"


def _show(rates: dict[Key, float], clients: list[Runner], sizes: Footprint | None) -> None:
    table = Table(title="messages a second, persistent and confirmed, each acknowledged")
    for number, heading in enumerate(_headings(clients)):
        table.add_column(heading, justify="right" if number else "left")
    for row in _rows(rates, clients):
        table.add_row(*row)
    console.print(table)
    for line in [*_verdicts(rates), *(sizes.lines() if sizes else ())]:
        console.print(line, highlight=False)


def _write(
    results: Path,
    rates: dict[Key, float],
    clients: list[Runner],
    sizes: Footprint | None,
    *,
    rounds: int,
    messages: int,
) -> None:
    results.mkdir(parents=True, exist_ok=True)
    name = results / f"{time.strftime('%Y%m%d-%H%M%S')}-brokers"
    lines = [
        f"{machine()}; {rounds} rounds of {messages:,} messages of 256 bytes, 1,000 in flight, the median.",
        "",
        "| " + " | ".join(_headings(clients)) + " |",
        "| --- |" + " ---: |" * (2 * len(clients)),
        *("| " + " | ".join(row) + " |" for row in _rows(rates, clients)),
        "",
        *(f"- {line}" for line in [*_verdicts(rates), *(sizes.lines() if sizes else ())]),
    ]
    name.with_suffix(".md").write_text("\n".join(lines) + "\n")
    whole = {" / ".join(map(str, key)): rate for key, rate in rates.items()}
    name.with_suffix(".json").write_text(json.dumps(whole, indent=1) + "\n")
    console.print(f"[dim]written: {name}.json and .md")


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)  # Runners are modules of this folder: `python -m bench.peers.…`.
    main()
