"""`warren dashboard`: the web pages, for as long as somebody looks.

Not here: the pages (`warren/dashboard/`).
"""

from __future__ import annotations

import logging
import os
import re
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.options import SECONDS, broker_option, timeout_option
from warren.cli.signalled import until_signalled
from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from warren.dashboard import DashboardSettings
    from warren.dashboard.service import Dashboard

__all__ = ["dashboard"]

PORT: Final = 8080
PASSWORD: Final = "WARREN_DASHBOARD_PASSWORD"  # noqa: S105 - where it is, not what it is

_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(short_help="Serve the web pages: signals, dead letters, replay.")
@click.argument("target", metavar="[MODULE:APP]", required=False)
@broker_option
@click.option("--queue", "queues", multiple=True, metavar="QUEUE", help="Only this queue; may be repeated.")
@click.option("--all-queues", is_flag=True, help="All queues of the virtual host, not only those of MODULE:APP.")
@click.option(
    "--metrics",
    multiple=True,
    metavar="URL",
    help="Ask a worker's metrics too (`warren run --metrics-port`); may be repeated.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve on.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=PORT, show_default=True, help="Serve on it; 0: any free one."
)
@click.option("--prefix", default="", metavar="PATH", help="Serve below this path, such as /warren.")
@click.option("--allow-changes", is_flag=True, help="Let messages be replayed, edited and discarded.")
@click.option(
    "--audit-log",
    type=click.Path(dir_okay=False, path_type=Path),
    default="warren-audit.ndjson",
    show_default=True,
    help="Where every change is written before it is made.",
)
@click.option("--user", default="warren", show_default=True, help="Who logs in.")
@click.option("--password-file", type=_FILE, help=f"Its first line is the password (default: ${PASSWORD}).")
@click.option("--session", type=SECONDS, default="12h", show_default=True, help="How long a login lasts.")
@click.option(
    "--allowed-host", "allowed_hosts", multiple=True, metavar="NAME", help="Answer to this name; may be repeated."
)
@click.option("--tls-cert", type=_FILE, help="Serve HTTPS with this certificate (PEM).")
@click.option("--tls-key", type=_FILE, help="The key of the certificate (PEM).")
@click.option("--interval", type=SECONDS, default="5s", show_default=True, help="How often to ask the broker.")
@click.option("--window", type=SECONDS, default="60s", show_default=True, help="How long rates and findings look back.")
@click.option("--no-look", is_flag=True, help="Look into no queue for what its messages failed of.")
@timeout_option
@click.option("--open", "is_opened", is_flag=True, help="Open it in the browser.")
def dashboard(
    target: str | None,
    broker: str | None,
    host: str,
    port: int,
    prefix: str,
    password_file: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    is_opened: bool,
    **chosen: Any,
) -> int:
    """Serve the signals of every queue, and the dead letters, as web pages, until SIGTERM or Ctrl-C.

    With MODULE:APP the queues of its consumers on its broker, and its contracts. The pages can only look, unless
    --allow-changes lets messages be replayed, edited and discarded; each change is written to --audit-log first.

    On an address other than loopback there has to be a password, in $WARREN_DASHBOARD_PASSWORD or --password-file.
    """
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    if not _PREFIX.fullmatch(prefix):
        raise click.UsageError("--prefix must be a path such as /warren, of letters, digits and . _ ~ -")
    password = _password(password_file)
    _refuse_open_address(host, password, is_plain=tls_cert is None)
    served = _dashboard(target, broker, _settings(password=password, **chosen))
    with ExitStack() as ends:
        from warren.dashboard.serving import Tls, serving

        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(message)s")
        stop = ends.enter_context(until_signalled())
        tls = Tls(tls_cert, tls_key) if tls_cert and tls_key else None
        running = ends.enter_context(serving(served.alone(prefix), host=host, port=port, prefix=prefix, tls=tls))
        say(f"dashboard at {running.address}")
        if chosen["allow_changes"] and not password:
            say("note: every user of this machine may change messages, under one name; with a password they log in")
        if is_opened:
            webbrowser.open(running.address)
        while not stop.wait(1.0):
            if running.is_over:
                raise RuntimeError("the server of the dashboard has ended; what was logged says why")
    return Exit.OK


def _dashboard(target: str | None, broker: str | None, settings: DashboardSettings) -> Dashboard:
    from warren.cli.loading import load
    from warren.cli.options import broker_settings

    try:
        from warren.dashboard import Dashboard
    except ModuleNotFoundError as missing:
        raise ConfigurationError(str(missing)) from missing
    app = None if target is None else load(target).app
    given = broker_settings(broker) if app is None or broker is not None else None
    return Dashboard(app, broker=given, settings=settings)


def _settings(*, no_look: bool, **chosen: Any) -> DashboardSettings:
    from warren.dashboard.settings import DashboardSettings

    return DashboardSettings(look=not no_look, **chosen)


def _password(file: Path | None) -> str:
    """Return the password, empty where there is none. An option for it would show it to everybody on the machine."""
    if file is None:
        return os.environ.get(PASSWORD, "")
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the password cannot be read from {file}: {error}") from error
    if not lines or not lines[0].strip():
        raise ConfigurationError(f"the first line of {file} is empty; write the password there")
    return lines[0].strip()


def _refuse_open_address(host: str, password: str, *, is_plain: bool) -> None:
    from warren.doctor.checks.security import is_loopback

    if is_loopback(host):
        return
    if not password:
        raise ConfigurationError(
            f"everybody who reaches {host} could look: set a password, in ${PASSWORD} or --password-file, "
            "or leave --host out"
        )
    if is_plain:
        say("warning: passwords and pages go over the network in clear, unless a proxy in front serves HTTPS")
