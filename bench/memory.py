"""A worker's resident memory over a million messages: `python -m bench.memory [--messages N] [--idempotent]`.

Not here: rates and latencies (`run.py`). Publishes in this process while one worker process consumes, and reads the
worker's resident set each time another twentieth is done.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import click

from warren import Exchange, Message, Warren
from warren.integrations.rabbitmq_node import RabbitmqNode

orders = Exchange("memory.orders", "topic")
QUEUE = "memory.work"
STEPS = 20


class Placed(Message, exchange=orders, routing_key="memory.orders.placed"):
    """About 256 bytes."""

    order_id: int
    customer: str
    note: str


def new_app(url: str, store: str, *, idempotent: bool, done: Path | None = None) -> Warren:
    """Build the application, in either process."""
    app = Warren("memory", broker=url, store=store)
    count = 0
    lock = threading.Lock()

    @app.consumer(QUEUE, Placed, prefetch=500, idempotent=idempotent)
    def handle(order: Placed) -> None:
        nonlocal count
        with lock:
            count += 1
            if done is not None and count % 1_000 == 0:
                done.write_text(str(count))

    return app


def resident(pid: int) -> float:
    """Return a process's resident set in MiB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@click.command()
@click.option("--messages", default=1_000_000, show_default=True)
@click.option("--idempotent", is_flag=True, help="Claim and mark each message in SQLite.")
def main(messages: int, idempotent: bool) -> None:
    """Show how a worker's memory goes over many messages."""
    with tempfile.TemporaryDirectory() as folder, RabbitmqNode(Path(folder) / "node") as node:
        done, store = Path(folder) / "done", f"sqlite:///{folder}/warren.db"
        app = new_app(node.url, store, idempotent=idempotent)
        app.apply_topology()
        worker = subprocess.Popen(
            [sys.executable, "-m", "bench.memory", "worker", node.url, store, str(done), str(idempotent)]
        )
        try:
            publisher = threading.Thread(target=_publish, args=(app, messages), daemon=True)
            publisher.start()
            _watch(worker.pid, done, messages)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)
            app.close()


def _publish(app: Warren, messages: int) -> None:
    with app.publisher() as publisher:
        publisher.publish_many(Placed(order_id=n, customer="c" * 40, note="n" * 150) for n in range(messages))


def _watch(pid: int, done: Path, messages: int) -> None:
    samples: list[float] = []
    started = time.monotonic()
    for step in range(1, STEPS + 1):
        while not done.exists() or int(done.read_text() or 0) < messages * step // STEPS - 1_000:
            time.sleep(0.05)
        samples.append(resident(pid))
        click.echo(
            f"{messages * step // STEPS:>10,} messages  {samples[-1]:7.1f} MiB  {time.monotonic() - started:6.1f} s"
        )
    first, rest = samples[0], samples[1:]
    click.echo(
        f"after the first {messages // STEPS:,}: {first:.1f} MiB; "
        f"later between {min(rest):.1f} and {max(rest):.1f} MiB "
        f"({(min(rest) / first - 1) * 100:+.1f} % to {(max(rest) / first - 1) * 100:+.1f} %)"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        _, _, url, store, done, idempotent = sys.argv
        sys.exit(new_app(url, store, idempotent=idempotent == "True", done=Path(done)).run())
    main()
