"""How a worker is, as values, and the HTTP endpoints that tell it: `/livez` and `/readyz`.

Not here: metrics and signals.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from warren.errors import ConfigurationError

__all__ = ["ConsumerHealth", "Health", "HealthServer"]

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class ConsumerHealth:
    """One consumer: `state` is subscribed, or why not is in `reason`."""

    name: str
    queue: str
    state: str
    reason: str
    in_flight: int


@dataclass(frozen=True, slots=True)
class Health:
    """One worker process."""

    pid: int
    live: bool
    connected: bool
    stopping: bool
    consumers: tuple[ConsumerHealth, ...]

    @property
    def ready(self) -> bool:
        """Connected, every consumer subscribed, and not stopping."""
        return (
            self.live
            and self.connected
            and not self.stopping
            and bool(self.consumers)
            and all(consumer.state == "subscribed" for consumer in self.consumers)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "ready": self.ready}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Health:
        """Read what `as_dict` wrote."""
        consumers = tuple(ConsumerHealth(**consumer) for consumer in data["consumers"])
        return cls(data["pid"], data["live"], data["connected"], data["stopping"], consumers)


class HealthServer:
    """Serves `/livez` and `/readyz`: 200 when all is well, 503 when not, with the details as JSON either way.

    `status` returns one `Health` for each worker process that should be there, None for one that is not.
    """

    def __init__(self, port: int, status: Callable[[], list[Health | None]], *, host: str = LOOPBACK) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                reports = status()
                path = self.path.partition("?")[0].rstrip("/")
                if path == "/livez":
                    well = all(report is None or report.live for report in reports) and any(reports)
                elif path == "/readyz":
                    well = bool(reports) and all(report is not None and report.ready for report in reports)
                else:
                    self.send_error(404, "try /livez or /readyz")
                    return
                workers = [report.as_dict() if report is not None else None for report in reports]
                body = json.dumps({"status": "ok" if well else "unavailable", "workers": workers}).encode()
                self.send_response(200 if well else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Probes come every few seconds: they are not logged."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise ConfigurationError(f"cannot serve health on {host}:{port}: {error.strerror or error}") from error
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="warren-health", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
