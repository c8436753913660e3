"""`warren broker`: the embedded broker as a process of its own.

Not here: the broker (`warren.broker`).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from warren.broker.settings import BrokerConfig

__all__ = ["broker"]

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PORT = click.IntRange(0, 65_535)


@click.command(short_help="Run the embedded AMQP broker.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=_PORT, default=5672, show_default=True, help="For AMQP; 0: any free one.")
@click.option(
    "--management-port", type=_PORT, default=15672, show_default=True, help="For the HTTP API; 0: any free one."
)
@click.option("--no-management", is_flag=True, help="Serve no HTTP API.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of its journal. Without one messages are kept in memory and end with the broker.",
)
@click.option("--definitions", type=_FILE, help="A file of RabbitMQ definitions (JSON) to import when it starts.")
@click.option("--tls-cert", type=_FILE, help="Serve AMQP over TLS with this certificate (PEM).")
@click.option("--tls-key", type=_FILE, help="The key of the certificate (PEM).")
@click.option("--tls-port", type=_PORT, help="Serve TLS on this port, and --port without (default: TLS on --port).")
@click.option("--tls-client-required", is_flag=True, help="Refuse clients without a certificate of --tls-ca.")
@click.option("--tls-ca", type=_FILE, help="Let clients log in with certificates of this authority (EXTERNAL).")
@click.option(
    "--profile",
    type=click.Choice(["4.0", "3.10"]),
    default="4.0",
    show_default=True,
    help="The RabbitMQ release to answer like, where the two differ visibly.",
)
@click.option("--user", default="guest", show_default=True, help="The first user, made where there is none yet.")
@click.option(
    "--password", default="guest", envvar="WARREN_BROKER_PASSWORD", show_envvar=True, help="The first user's password."
)
def broker(profile: str, no_management: bool, management_port: int, **chosen: Any) -> None:
    """Run an AMQP 0-9-1 broker that clients talk to as to RabbitMQ.

    It is for development, tests, CI and small use on a single machine; production runs on a RabbitMQ cluster. With
    --data a persistent message is on disk before its publisher hears that it is confirmed. SIGTERM and Ctrl-C flush
    and end it. Off loopback it asks for a user and a password of your own.
    """
    from warren.broker.running import new_event_loop
    from warren.broker.settings import BrokerConfig, Profile

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s")
    port = None if no_management else management_port
    config = BrokerConfig(profile=Profile(profile), management_port=port, **chosen)
    gc.set_threshold(100_000, 20, 100)  # a backlog is millions of objects that live long
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(config))


async def _serve(config: BrokerConfig) -> None:
    from warren.broker.running import running

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with running(config) as started:
        gc.freeze()  # what was recovered
        click.echo(f"listening on {'amqps' if config.is_tls_only else 'amqp'}://{config.host}:{started.port}")
        if started.server.tls_port is not None:
            click.echo(f"listening on amqps://{config.host}:{started.server.tls_port}")
        if started.management_port is not None:
            click.echo(f"management on http://{config.host}:{started.management_port}")
        if config.data is None:
            click.echo("messages are kept in memory and end with the broker; --data DIR keeps them on disk")
        else:
            click.echo(f"messages are kept in {config.data}")
        await ended.wait()
