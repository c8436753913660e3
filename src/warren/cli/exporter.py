"""`warren exporter`: the signals of a broker's queues for Prometheus.

Not here: the metrics (`warren/signals/exporter.py`), and what to alert on (`warren/observability/shipped/`).
"""

from __future__ import annotations

from typing import Final

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.options import SECONDS, broker_option, timeout_option
from warren.cli.signalled import until_signalled
from warren.cli.signals.watching import Watching

__all__ = ["exporter"]

PORT: Final = 9419


@click.command(short_help="Serve a broker's signals to Prometheus.")
@click.argument("target", metavar="[MODULE:APP]", required=False)
@broker_option
@click.option("--queue", "queues", multiple=True, metavar="QUEUE", help="Only this queue; may be repeated.")
@click.option(
    "--metrics",
    multiple=True,
    metavar="URL",
    help="Ask a worker's metrics too (`warren run --metrics-port`); may be repeated.",
)
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="Serve on it; 0: any free one."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve on.")
@click.option("--interval", type=SECONDS, default="10s", show_default=True, help="How often to ask the broker.")
@click.option("--window", type=SECONDS, default="60s", show_default=True, help="How long rates and findings look back.")
@click.option("--look", is_flag=True, help="Look into queues for what their messages failed of.")
@click.option(
    "--print",
    "file",
    type=click.Choice(["alerts", "dashboard"]),
    help="Write the alert rules or the Grafana dashboard to stdout, and end.",
)
@timeout_option
def exporter(
    target: str | None,
    broker: str | None,
    queues: tuple[str, ...],
    metrics: tuple[str, ...],
    port: int,
    host: str,
    interval: float,
    window: float,
    look: bool,
    file: str | None,
    timeout: float,
) -> int:
    """Serve the signals of every queue of a virtual host to Prometheus, at /metrics, until SIGTERM or Ctrl-C.

    With MODULE:APP those of its consumers' queues on its broker. The broker is asked every --interval, and scrapes are
    answered from what it said last, however many there are. While it does not answer, warren_broker_up is 0.
    """
    if file is not None:
        return _print(file)
    watching = Watching(
        target=target,
        broker=broker,
        queues=queues,
        metrics=metrics,
        window=window,
        interval=interval,
        no_look=not look,
        timeout=timeout,
    )
    _serve(watching, port, host)
    return Exit.OK


def _serve(watching: Watching, port: int, host: str) -> None:
    from warren.observability.prometheus.server import MetricsServer
    from warren.signals.exporter import Exporter

    with watching.collector() as collector, until_signalled() as stop:
        served = Exporter(collector, collector.virtual_host, window=watching.window, tell=say)
        with MetricsServer(served.registry, port, host=host) as server:
            say(f"metrics at http://{host}:{server.port}/metrics")
            served.run(interval=watching.interval, stop=stop)


def _print(file: str) -> int:
    from warren.observability.shipped import shipped_alerts, shipped_dashboard

    click.echo(shipped_alerts() if file == "alerts" else shipped_dashboard(), nl=False)
    return Exit.OK
