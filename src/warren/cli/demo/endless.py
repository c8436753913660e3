"""`warren demo --dashboard`: orders keep coming until somebody has seen enough, and then the books are closed.

Not here: the dashboard (`warren/dashboard/`), and the demo that ends by itself (`command.py`).
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final

from warren.cli.demo.changes import AUDIT_LOG, read_changed, without
from warren.cli.demo.evidence import WITNESS, gather
from warren.cli.demo.example import Example, load_example
from warren.cli.demo.producer import Producer
from warren.cli.demo.script import EXCHANGE, write_script
from warren.cli.demo.tally import Tally
from warren.cli.demo.view import View, view_for
from warren.cli.demo.warehouse import QUEUE, warehouse
from warren.cli.signalled import until_signalled
from warren.config import WorkerSettings
from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from warren.cli.demo.evidence import Evidence
    from warren.cli.demo.place import Place

__all__ = ["run_with_dashboard"]

PORT: Final = 8080
"""Where the dashboard is, if that is free."""

_FIRST_SECONDS: Final = 10.0
"""For the first orders, so that there is something to see."""

_SECONDS: Final = 75.0
"""For each further batch of orders."""

_MOST: Final = 50_000
"""Messages after which no more are published: the books are read from the queues."""

_STEP: Final = 5  # messages between two looks at whether it is enough
_QUIET: Final = 3.0  # seconds without news after which all is settled; longer than any delay before a retry
_PATIENCE: Final = 60.0


def run_with_dashboard(console: Console, place: Place, folder: Path, orders: int, seed: int) -> Evidence:
    """Publish, consume and serve the dashboard until Ctrl-C; return what is true of all that nobody changed by hand."""
    example = load_example(broker=place.url, folder=folder)
    with example.app:
        example.app.apply_topology()
        place.api.declare_witness(WITNESS, EXCHANGE)
        with warehouse(place.url, example.contract):
            published = _play(console, example, folder, orders, seed)
    evidence = gather(place.api, folder, example.consumers, confirmed=published)
    changed = read_changed(folder)
    if changed:
        console.print(f"{len(changed)} messages were edited or discarded, and are left out of the books")
    return without(evidence, changed)


def _play(console: Console, example: Example, folder: Path, orders: int, seed: int) -> int:
    tally = Tally(example.app.events, example.consumers)
    with ExitStack() as ends:
        ends.enter_context(example.app.worker(WorkerSettings(grace=5.0)))
        producer = ends.enter_context(Producer(example.app, example.contract))
        view = ends.enter_context(view_for(console, tally, None))
        with ExitStack() as seen:
            enough = seen.enter_context(until_signalled())
            address = _serve(seen, example, folder)
            console.print(f"dashboard at {address}; Ctrl-C closes the books", soft_wrap=True)
            view.phase(f"{address}   Ctrl-C closes the books")
            published = _publish(producer, view, enough, orders, seed)
        view.phase("the last ones are being processed")
        deadline = time.monotonic() + _PATIENCE
        while not (tally.is_settled(published) and tally.is_quiet(_QUIET)) and time.monotonic() < deadline:
            view.watch()
    return published


def _publish(producer: Producer, view: View, enough: Event, orders: int, seed: int) -> int:
    """Publish batch after batch; return how many messages that were."""
    published = batch = 0
    while published < _MOST:
        script = write_script(orders, seed=seed, batch=batch)
        seconds = _SECONDS if batch else _FIRST_SECONDS
        for start in range(0, len(script), _STEP):
            step = script[start : start + _STEP]
            producer.publish(step, seconds=seconds * len(step) / len(script), watch=view.watch)
            published += len(step)
            if enough.is_set():
                return published
        batch += 1
    while not enough.is_set():
        view.watch()
    return published


def _serve(ends: ExitStack, example: Example, folder: Path) -> str:
    """Serve the dashboard until the block ends; return its address."""
    try:
        from warren.dashboard import Dashboard, DashboardSettings
    except ModuleNotFoundError as missing:
        raise ConfigurationError(str(missing)) from missing
    from warren.dashboard.serving import serving

    settings = DashboardSettings(
        interval=2.0,
        window=60.0,
        queues=(*example.consumers, QUEUE),  # the witness, which nobody reads, is only for the books
        allow_changes=True,
        audit_log=folder / AUDIT_LOG,
    )
    api = Dashboard(example.app, settings=settings).alone()
    try:
        return ends.enter_context(serving(api, host="127.0.0.1", port=PORT)).address
    except ConfigurationError:  # somebody else has the port
        return ends.enter_context(serving(api, host="127.0.0.1", port=0)).address
