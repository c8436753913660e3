"""An embedded broker in a process of its own, as `warren broker` starts it, for the length of a measurement.

Not here: what is measured.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from bench.processes import Failed

__all__ = ["BrokerProcess"]

_LISTENING = re.compile(rb"listening on amqp://(\S+):(\d+)")


class BrokerProcess:
    """`warren broker` on free ports, with its journal in `data`."""

    def __init__(self, data: Path, *arguments: str) -> None:
        started = time.monotonic()
        command = [sys.executable, "-m", "warren", "broker", "--port", "0", "--management-port", "0"]
        self._process = subprocess.Popen([*command, "--data", str(data), *arguments], stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        found = _LISTENING.search(self._process.stdout.readline())
        self.seconds_to_listen = time.monotonic() - started
        if found is None:
            self._process.kill()
            raise Failed("the embedded broker did not start; what it printed is above")
        self.port = int(found[2])

    def __enter__(self) -> BrokerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30.0)
        assert self._process.stdout is not None
        self._process.stdout.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def resident_bytes(self) -> int:
        """What it has in memory now."""
        return self._of("VmRSS")

    @property
    def most_resident_bytes(self) -> int:
        """What it had in memory at most."""
        return self._of("VmHWM")

    def _of(self, name: str) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]  # Linux has both
