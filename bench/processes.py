"""The processes a run starts, ends and reads the processor time of.

Not here: what they run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

__all__ = ["TICKS", "Failed", "Process", "cpu_seconds"]

TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A runner could not be measured; the table shows why."""


class Process:
    """A Python process in a process group of its own, whose error output is kept for the table."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def wait(self, timeout: float) -> None:
        """Wait for its end; raise Failed when it fails or takes too long."""
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"no end after {timeout:g} s: {self.errors()}") from None
        if status:
            raise Failed(f"exit status {status}: {self.errors()}")

    def check_alive(self) -> None:
        """Raise Failed when a worker ended by itself."""
        if self._process.poll() is not None:
            raise Failed(f"the worker ended with status {self._process.returncode}: {self.errors()}")

    def stop(self, timeout: float = 20.0) -> None:
        """Ask a worker to finish, so that its last acknowledgements arrive."""
        self._process.terminate()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f"did not end within {timeout:g} s of SIGTERM: {self.errors()}") from None

    def kill(self) -> None:
        """End the process and whatever it started. Safe to call twice."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()

    def errors(self) -> str:
        """Return the end of what it printed."""
        self._output.seek(0)
        lines = [line for line in self._output.read().decode(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-400:] or "nothing was printed"


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time, user and system, that these processes have used so far."""
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS
