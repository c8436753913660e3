"""`warren run`: an application's consumers in supervised worker processes.

Not here: supervision (`worker/supervisor.py`), a worker's life (`worker/worker.py`).
"""

from __future__ import annotations

import faulthandler
import io
import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.failure import Debug, exit_code, line_of, tell
from warren.cli.logs import LEVELS, configure_logs
from warren.cli.options import SECONDS, application
from warren.worker.health import LOOPBACK

if TYPE_CHECKING:
    from warren.observability.events import EventBus

__all__ = ["run"]

_log: Final = logging.getLogger("warren.supervisor")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    """What was asked for. None leaves a setting to the application."""

    target: str
    processes: int
    no_apply: bool
    health_port: int | None
    health_host: str
    metrics_port: int | None
    metrics_host: str
    grace: float | None
    consumer_timeout: float | None
    log_level: str
    log_format: str
    embedded: bool
    data: Path | None


@click.command(short_help="Consume with an application's consumers.")
@application
@click.option(
    "--processes", type=click.IntRange(1, 512), default=1, show_default=True, help="How many worker processes."
)
@click.option("--no-apply", is_flag=True, help="Only verify the topology; create nothing on the broker.")
@click.option(
    "--health-port", type=click.IntRange(0, 65_535), help="Serve /livez and /readyz on this port (0: any free one)."
)
@click.option("--health-host", default=LOOPBACK, show_default=True, help="The address to serve them on.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65_535),
    help="Serve /metrics for Prometheus on this port (0: any free one).",
)
@click.option("--metrics-host", default=LOOPBACK, show_default=True, help="The address to serve it on.")
@click.option("--grace", type=SECONDS, help="What handlers in flight get to finish on SIGTERM (default: 30 s).")
@click.option(
    "--consumer-timeout",
    type=SECONDS,
    help="The broker's consumer_timeout, which time limits must stay below (default: 30 minutes).",
)
@click.option(
    "--embedded", is_flag=True, help="Run the embedded broker on a free port, and use it instead of any other."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the embedded broker keeps messages (default: in memory). Implies --embedded.",
)
@click.option("--log-level", type=click.Choice(LEVELS), default="info", show_default=True, help="What is logged.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it is logged."
)
@click.option("--supervised-by", type=int, hidden=True)
@click.option("--metered", is_flag=True, hidden=True)
@click.pass_obj
def run(debug: Debug, /, supervised_by: int | None, metered: bool, **chosen: Any) -> int:
    """Consume with the consumers of MODULE:APP until SIGTERM or Ctrl-C.

    Workers create what is missing on the broker, then consume. One that is killed or crashes is replaced, after a
    back-off where that repeats. On SIGTERM or Ctrl-C handlers in flight may finish; a second one ends at once. Either
    way nothing is lost: what is unacknowledged is redelivered. On SIGUSR1 workers write to stderr what their threads
    are at.
    """
    options = _Options(**chosen)
    if supervised_by is not None:
        return _work(options, supervised_by, debug, metered=metered)
    return _supervise(options, debug)


# -- the parent ------------------------------------------------------------------------------


def _supervise(options: _Options, debug: Debug) -> int:
    from warren.observability.events import EventBus
    from warren.worker.health import HealthServer
    from warren.worker.supervisor import Supervisor

    bus = EventBus()
    configure_logs(bus, level=options.log_level, form=options.log_format)
    with ExitStack() as ends:
        if options.embedded or options.data is not None:
            ends.enter_context(_embedded_broker(options.data))
        if options.metrics_port is not None:
            ends.enter_context(_served_metrics(options.metrics_port, options.metrics_host, bus))
        supervisor = Supervisor(_child_command(options, debug), processes=options.processes, bus=bus)
        if options.health_port is not None:
            server = HealthServer(options.health_port, supervisor.health, host=options.health_host)
            ends.callback(server.close)
            _log.info("health at http://%s:%d/livez and /readyz", options.health_host, server.port)
        return supervisor.run()


@contextmanager
def _served_metrics(port: int, host: str, bus: EventBus) -> Iterator[None]:
    """Gather and serve the metrics of the workers started in the block."""
    # Its presence would have the library keep this process's own values in somebody else's folder.
    os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    from warren.observability.prometheus.processes import ProcessMetrics
    from warren.observability.prometheus.server import MetricsServer

    with ProcessMetrics(bus) as metrics, MetricsServer(metrics.registry, port, host=host) as server:
        _log.info("metrics at http://%s:%d/metrics", host, server.port)
        yield


@contextmanager
def _embedded_broker(data: Path | None) -> Iterator[None]:
    """Run a broker for the length of the block; the workers started in it use it."""
    from warren.broker.embedded import EmbeddedBroker
    from warren.broker.settings import BrokerConfig
    from warren.embedding import RUNNING, url_of

    with EmbeddedBroker(BrokerConfig(port=0, management_port=0, data=data)) as broker:
        kept = "in memory" if data is None else f"in {data}"
        _log.info("embedded broker on %s, management on %s, messages %s", broker.url, broker.management_url, kept)
        os.environ[RUNNING] = url_of(broker)
        try:
            yield
        finally:
            del os.environ[RUNNING]


def _child_command(options: _Options, debug: Debug) -> list[str]:
    """Return the command of a child, but for the number of its socket."""
    command = [sys.executable, "-m", "warren", *(["--debug"] if debug.on else []), "run", options.target]
    command += ["--log-level", options.log_level, "--log-format", options.log_format]
    if options.no_apply:
        command.append("--no-apply")
    if options.metrics_port is not None:
        command.append("--metered")
    if options.grace is not None:
        command += ["--grace", str(options.grace)]
    if options.consumer_timeout is not None:
        command += ["--consumer-timeout", str(options.consumer_timeout)]
    return [*command, "--supervised-by"]


# -- a child -----------------------------------------------------------------------------------


def _work(options: _Options, descriptor: int, debug: Debug, *, metered: bool) -> int:
    """Be a worker process. Its errors are the supervisor's to tell."""
    from warren.worker.supervised import SupervisorLink

    faulthandler.register(signal.SIGUSR1)  # before anything of the application, which may want it for itself
    _print_whole_lines()
    link = SupervisorLink(descriptor)
    try:
        code: int = _consume(options, link, metered=metered)
    except Exception as error:
        if debug.on:
            tell(error, debug)
        link.failed(line_of(error))
        code = exit_code(error)
    link.ended(code)
    if metered and link.is_alone:
        from warren.observability.prometheus.processes import remove_left_folder

        remove_left_folder()
    return code


def _print_whole_lines() -> None:
    """Have what handlers print come out at once, and lines of several workers not run into one another.

    Into a pipe Python keeps 8 kB back; with PYTHONUNBUFFERED it writes the parts of a line one by one.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True, write_through=False)


def _consume(options: _Options, link: Any, *, metered: bool) -> int:
    from warren.cli.loading import load

    app = load(options.target).app
    configure_logs(app.events, level=options.log_level, form=options.log_format)
    settings = replace(app.settings, apply_topology=app.settings.apply_topology and not options.no_apply)
    if options.grace is not None:
        settings = replace(settings, grace=options.grace)
    if options.consumer_timeout is not None:
        settings = replace(settings, consumer_timeout=options.consumer_timeout)
    if metered:
        app.collect_metrics()
    worker = app.worker(settings)
    link.began(worker, grace=settings.grace)
    return worker.run()
