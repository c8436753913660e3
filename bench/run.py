"""`python -m bench.run`: measures every runner in interleaved rounds on a private RabbitMQ node, and shows the table.

Not here: how a figure is taken (measures.py) or what it is held against (targets.py). A missed target or a broken peer
never fails a run.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from bench.chart import draw
from bench.environment import OtherWork, describe
from bench.figures import Figure, Figures, Measure
from bench.limit import build_limit
from bench.markdown import write_markdown
from bench.measures import Bench, Rate
from bench.peers import RUNNERS, Kind, Runner
from bench.processes import Failed
from bench.queues import Queues
from bench.report import show
from bench.targets import judge

RESULTS = Path(__file__).parent / "results"

console = Console()
if not console.is_terminal:
    console = Console(width=132)  # A pipe has no width of its own, and the tables need this much.


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rounds", default=3, help="Repetitions; the median is shown.")
@click.option("--messages", default=40_000, help="Messages a step for the fastest runners; slow ones get a share.")
@click.option("--queue-type", type=click.Choice(["quorum", "classic"]), default="quorum")
@click.option("--only", default="", help="Runners whose name contains one of these, comma-separated.")
@click.option("--measures", default="", help="Measures whose name contains one of these, comma-separated.")
@click.option("--broker", type=click.Choice(["3.10", "4.0"]), default="3.10", help="The private node's RabbitMQ.")
@click.option("--url", default=None, help="Measure this broker, on queues named bench.*, not a private node.")
@click.option("--latency-seconds", default=5.0, help="How long each latency is measured.")
@click.option("--quick", is_flag=True, help="One round of a quarter of the messages: a look, not a measurement.")
@click.option("--results", type=click.Path(path_type=Path), default=RESULTS, help="Where JSON, Markdown and chart go.")
def main(
    rounds: int,
    messages: int,
    queue_type: str,
    only: str,
    measures: str,
    broker: str,
    url: str | None,
    latency_seconds: float,
    quick: bool,
    results: Path,
) -> None:
    """Measure Warren, librabbitmq and the Python peers side by side."""
    if quick:
        rounds, messages, latency_seconds = 1, messages // 4, min(latency_seconds, 2.0)
    limit = build_limit(console)
    chosen = [runner for runner in RUNNERS if _matches(runner.name, only) and (limit or runner.kind is not Kind.LIMIT)]
    with _broker(url, broker) as (address, broker_pid):
        queues = Queues(address)
        bench = Bench(queues=queues, url=address, queue_type=queue_type, messages=messages)
        facts = describe(chosen, queues.broker_version, queue_type=queue_type, rounds=rounds, messages=messages)
        figures = Figures()
        run = _Run(bench, figures, chosen, {m for m in Measure if _matches(m.value, measures)}, latency_seconds)
        other = OtherWork(broker_pid)
        try:
            for number in range(1, rounds + 1):
                run.round(f"round {number} of {rounds}")
        except KeyboardInterrupt:
            console.print("[yellow]interrupted: what was measured so far is shown")
        facts["other_work"] = other.share()
        queues.close()
    verdicts = judge(figures)
    show(console, figures, verdicts, facts)
    results.mkdir(parents=True, exist_ok=True)
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{queue_type}"
    whole = {
        "facts": facts,
        "figures": figures.to_json(),
        "targets": [
            {"text": v.text, "wanted": v.wanted, "shown": v.shown, "against": v.against, "summary": v.summary}
            for v in verdicts
        ],
    }
    (results / f"{name}.json").write_text(json.dumps(whole, indent=1) + "\n")
    (results / f"{name}.svg").write_text(draw(figures, facts))
    (results / f"{name}.md").write_text(write_markdown(figures, verdicts, facts))
    console.print(f"[dim]written: {results / name}.json, .md and .svg")


def _matches(name: str, wanted: str) -> bool:
    words = [word.strip().lower() for word in wanted.split(",") if word.strip()]
    return not words or any(word in name.lower() for word in words)


@contextmanager
def _broker(url: str | None, version: str) -> Iterator[tuple[str, int | None]]:
    if url is not None:
        yield url, None
        return
    from tests.services.places import RELEASES
    from warren.integrations.rabbitmq_node import RabbitmqNode

    root = RELEASES[version].root()
    with tempfile.TemporaryDirectory(prefix="warren-bench-node-") as folder:
        with console.status(f"starting a private RabbitMQ {version} node"):
            node = RabbitmqNode(Path(folder), root=root)
            node.start()
        try:
            yield node.url, node.pid
        finally:
            node.stop()


class _Run:
    """One run: which runners take part in which measures, and what they reached."""

    def __init__(
        self, bench: Bench, figures: Figures, runners: list[Runner], measures: set[Measure], latency_seconds: float
    ) -> None:
        self._bench = bench
        self._figures = figures
        self._runners = runners
        self._measures = measures
        self._latency_seconds = latency_seconds

    def round(self, title: str) -> None:
        """Take every measure once. Latency comes last: its load depends on what was reached before."""
        self._title = title
        bench = self._bench
        for runner in self._runners:
            if runner.publishes:
                self._take(runner, Measure.PUBLISH, partial(bench.publish, runner))
            if runner.consumes:
                self._take(runner, Measure.CONSUME, partial(bench.consume, runner))
            if runner.round_trips:
                self._take(runner, Measure.ROUND_TRIP, partial(bench.round_trip, runner))
        services = [runner for runner in self._runners if runner.is_service]
        reached: dict[str, float] = {}
        for runner in services:
            self._take(runner, Measure.CONSUME_TWO, partial(bench.consume, runner, processes=2))
            if self._measures & {Measure.LATENCY_SAME, Measure.LATENCY_HALF, Measure.THROUGH}:
                together = self._take(runner, Measure.THROUGH, partial(bench.through, runner), always=True)
                if isinstance(together, Rate):
                    reached[runner.name] = together.per_second
        for runner in services:
            if own := reached.get(runner.name):
                loads = {Measure.LATENCY_SAME: min(reached.values()) / 2, Measure.LATENCY_HALF: own / 2}
                for measure, load in loads.items():
                    self._take(runner, measure, partial(bench.latency, runner, load, self._latency_seconds))

    def _take(
        self, runner: Runner, measure: Measure, take: Callable[[], Figure], *, always: bool = False
    ) -> Figure | None:
        if measure not in self._measures and not always:
            return None
        try:
            with console.status(f"{self._title}: {runner.name}, {measure.value}"):
                figure = take()
        except Failed as failure:
            console.print(f"[red]{runner.name}, {measure.value}: {failure}", highlight=False)
            self._figures.add_error(runner.name, measure, str(failure))
            return None
        self._figures.add(runner.name, measure, figure)
        return figure


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)  # Runners are modules of this folder: `python -m bench.peers.…`.
    main()
