"""The example web service in a process of its own, served by uvicorn, and asked over real HTTP.

Not here: the service (examples/web/service.py), its worker (tests/support/cli.py).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.cli import RunningCli, environment
from tests.support.markdown import ROOT
from tests.support.waiting import wait_until
from warren.integrations.loopback_ports import free_port

__all__ = ["WebService", "serving"]

SERVICE = ROOT / "examples" / "web" / "service.py"


class WebService:
    """A running service, with a client for it."""

    def __init__(self, running: RunningCli, url: str) -> None:
        self.running = running
        self.url = url
        limits = httpx.Limits(max_keepalive_connections=0)  # the server ends idle ones
        self.client = httpx.Client(base_url=url, timeout=30.0, trust_env=False, limits=limits)

    def wait_live(self) -> None:
        def answers() -> bool:
            assert self.running.process.poll() is None, "".join(self.running.stderr)
            try:
                return self.client.get("/health/live").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(answers, timeout=30.0, message=lambda: f"it serves; it wrote {''.join(self.running.stderr)}")

    def wait_ready(self, code: int = 200) -> None:
        wait_until(
            lambda: self.client.get("/health/ready").status_code == code,
            timeout=40.0,
            interval=0.1,
            message=lambda: f"readiness {code}; it is {self.client.get('/health/ready').text}",
        )

    def wait_status(self, location: str, status: str) -> dict[str, object]:
        """Wait until offloaded work has a status, and return all of it."""

        def found() -> dict[str, object] | None:
            answer = self.client.get(location)
            body: dict[str, object] = answer.json()
            return body if answer.status_code == 200 and body["status"] == status else None

        return wait_until(
            found, timeout=40.0, interval=0.05, message=lambda: f"{status}; it is {self.client.get(location).text}"
        )


@contextmanager
def serving(folder: Path, *, broker: str, app: str = "service:api", **variables: str) -> Iterator[WebService]:
    """Serve an application of `folder`, which the example is copied into, until the block ends."""
    if not (folder / SERVICE.name).exists():
        shutil.copy(SERVICE, folder)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--log-level", "warning"],
        cwd=folder,
        env=environment(broker, PYTHONUNBUFFERED="1", **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    service = WebService(RunningCli(process), f"http://127.0.0.1:{port}")
    try:
        service.wait_live()
        yield service
    finally:
        service.client.close()
        process.kill()
        service.running.finish()
