"""The dashboard on 500 queues with 100,000 dead letters: `python -m bench.dashboard [--broker 3.10|4.0|embedded]`.

Not here: whether its pages are right (tests/acceptance). A broker is filled, orders keep coming, and a proxy counts
what the dashboard asks the management API for, while Chromium opens its pages.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import quote
from urllib.request import urlopen

import click
import pika
from playwright.sync_api import Browser, Page, sync_playwright

from bench.memory import resident
from bench.processes import cpu_seconds
from tests.services.places import RELEASES
from tests.support.counting import counting_proxy
from warren.integrations.loopback_ports import free_port
from warren.integrations.rabbitmq_node import RabbitmqNode

INTERVAL = 5.0
LOOKS = 5
ROW = "table.queues tbody tr"
BUSY = "team0.orders0"


@click.command()
@click.option("--broker", type=click.Choice(["embedded", "3.10", "4.0"]), default="embedded", show_default=True)
@click.option("--queues", default=500, show_default=True)
@click.option("--dead", default=100_000, show_default=True)
@click.option("--browsers", default=10, show_default=True)
@click.option("--seconds", default=120, show_default=True, help="How long the browsers look.")
@click.option("--chromium", default="/usr/bin/chromium", show_default=True)
def main(broker: str, queues: int, dead: int, browsers: int, seconds: int, chromium: str) -> None:
    """Show how long pages take, what the dashboard asks the broker for, and how its memory goes."""
    with ExitStack() as ends:
        folder = Path(ends.enter_context(tempfile.TemporaryDirectory()))
        url, management = ends.enter_context(_broker(broker, folder))
        names = [f"team{number % 20}.orders{number}" for number in range(queues)]
        click.echo(f"{broker}: {queues} queues, {dead:,} dead letters; filling took {_fill(url, names, dead):.0f} s")
        ends.enter_context(_orders_coming(url, names))
        asked: Counter[str] = Counter()
        proxy = ends.enter_context(counting_proxy(management, asked))
        page, process = ends.enter_context(_dashboard(f"{url}?management={quote(proxy, safe='')}"))
        chrome = ends.enter_context(sync_playwright()).chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        ends.callback(chrome.close)
        _first_pages(chrome, page, process)
        _look(chrome, page, process, asked, browsers=browsers, seconds=seconds)


def _first_pages(chrome: Browser, page: str, process: int) -> None:
    """The first page somebody opens, which waits for the dashboard's own first sample; then each by a new browser."""
    began = time.monotonic()
    _open(chrome, page, ROW).close()
    click.echo(f"first page, right after the start: {time.monotonic() - began:.2f} s")
    for name, path, shown in (
        ("overview", "/", ROW),
        ("overview, by name, page 5", "/?sort=name&page=4", ROW),
        ("queue", f"/queues/{BUSY}", "h1"),
        ("dead letters of all queues", "/dead-letters", "main table tbody tr"),
        ("dead letters of one queue", f"/dead-letters/{BUSY}.dead", "h1"),
    ):
        times, cpu = [], cpu_seconds([process])
        for _ in range(LOOKS):
            began = time.monotonic()
            opened = _open(chrome, page + path, shown)
            times.append(time.monotonic() - began)
            opened.close()
        used = (cpu_seconds([process]) - cpu) / LOOKS
        times.sort()
        click.echo(
            f"{name}: median {median(times):.2f} s, slowest {times[-1]:.2f} s, {used * 1000:.0f} ms of processor"
        )


def _look(chrome: Browser, page: str, process: int, asked: Counter[str], *, browsers: int, seconds: int) -> None:
    before = resident(process)
    opened = [_open(chrome, page, ROW) for _ in range(browsers)]
    time.sleep(INTERVAL)
    counted, cpu, began = Counter(asked), cpu_seconds([process]), time.monotonic()
    memory = []
    while time.monotonic() - began < seconds:
        time.sleep(INTERVAL)
        memory.append(resident(process))
    passed = time.monotonic() - began
    used = cpu_seconds([process]) - cpu
    click.echo(f"{browsers} browsers for {passed:.0f} s, {passed / INTERVAL:.0f} intervals:")
    for path, count in sorted((asked - counted).items()):
        click.echo(f"  asked {path}: {count} times, {count / passed * INTERVAL:.2f} an interval")
    click.echo(f"  processor: {used / passed * 100:.0f} % of a core")
    click.echo(
        f"  memory: {before:.0f} MiB before, then "
        + ", ".join(f"{one:.0f}" for one in memory[:: max(1, len(memory) // 8)])
    )
    for one in opened:
        one.close()
    time.sleep(2 * INTERVAL)
    click.echo(f"  memory with no browser any more: {resident(process):.0f} MiB")


def _open(chrome: Browser, url: str, shown: str) -> Page:
    page = chrome.new_context().new_page()
    page.goto(url)
    page.wait_for_selector(shown)
    return page


# -- what is looked at ------------------------------------------------------------------------


@contextmanager
def _broker(kind: str, folder: Path) -> Iterator[tuple[str, str]]:
    if kind == "embedded":
        port, management = free_port(), free_port()
        command = [sys.executable, "-m", "warren", "broker", "--port", str(port), "--management-port", str(management)]
        process = subprocess.Popen([*command, "--data", str(folder / "node")], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield f"amqp://guest:guest@127.0.0.1:{port}/%2F", f"http://guest:guest@127.0.0.1:{management}"
        finally:
            process.terminate()
            process.wait(30)
        return
    with RabbitmqNode(folder / "node", root=RELEASES[kind].root()) as node:
        yield node.url, node.management_url


def _fill(url: str, names: list[str], dead: int) -> float:
    began = time.monotonic()
    with pika.BlockingConnection(pika.URLParameters(url)) as connection:
        channel = connection.channel()
        for name in names:
            target = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": f"{name}.dead"}
            channel.queue_declare(name, durable=True, arguments=target)
            channel.queue_declare(f"{name}.dead", durable=True)
        few = names[: max(1, len(names) // 5)]
        for number in range(dead):
            # Half of them are in one queue, the others in a fifth of the queues.
            name = names[0] if number % 2 else few[number % len(few)]
            kind = f"ValueError@billing/tax.py:rate{number % 7}"
            headers = {"x-warren-fingerprint": kind, "x-warren-error-type": "ValueError", "x-warren-queue": name}
            properties = pika.BasicProperties(headers=headers, delivery_mode=2, message_id=str(number), type="order")
            channel.basic_publish("", f"{name}.dead", b'{"order_id": %d}' % number, properties)
    return time.monotonic() - began


@contextmanager
def _orders_coming(url: str, names: list[str]) -> Iterator[None]:
    """Publish to a few queues, and consume what comes."""
    ending = threading.Event()

    def work() -> None:
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=20)
            for name in names[:50]:
                channel.basic_consume(name, lambda on, got, *_: on.basic_ack(got.delivery_tag))
            while not ending.is_set():
                for _ in range(5):
                    channel.basic_publish("", random.choice(names[:60]), b"{}")
                connection.process_data_events(0.1)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


@contextmanager
def _dashboard(broker: str) -> Iterator[tuple[str, int]]:
    port = free_port()
    command = [sys.executable, "-m", "warren", "dashboard", "--broker", broker, "--port", str(port)]
    process = subprocess.Popen([*command, "--interval", f"{INTERVAL:g}s"])
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                with urlopen(f"{url}/healthz"):
                    break
            except OSError:
                time.sleep(0.05)
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
