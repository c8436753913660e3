"""The real command line in processes of its own: run to the end, or watched while it runs.

Not here: what a command does (tests/acceptance).
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.broker import BrokerUnderTest
from tests.support.waiting import wait_until

__all__ = [
    "WARREN",
    "RunningCli",
    "cli",
    "cli_into_head",
    "environment",
    "is_alive",
    "running_cli",
    "url_with_management",
]

WARREN = (sys.executable, "-m", "warren")


def environment(broker: str | None = None, **variables: str) -> dict[str, str]:
    """Return the environment of a command: the test's own, without any setting of Warren's but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WARREN_")}
    own = {} if broker is None else {"WARREN_BROKER": broker}
    return {**kept, **own, "COLUMNS": "120", **variables}


def cli(
    *arguments: str,
    cwd: Path,
    broker: str | None = None,
    stdin: str = "",
    timeout: float = 60.0,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `warren ARGUMENTS` to its end."""
    return subprocess.run(
        [*WARREN, *arguments],
        cwd=cwd,
        env=environment(broker, **(env or {})),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def cli_into_head(*arguments: str, lines: int, cwd: Path, broker: str) -> tuple[list[str], int, str]:
    """Run `warren ARGUMENTS | head -n LINES`; return what was read, and the command's own exit code and stderr.

    The code is 141 where its reader went first, and 0 where all was in the pipe before that.
    """
    done = subprocess.run(
        ["bash", "-c", f"{shlex.join([*WARREN, *arguments])} | head -n {lines}; echo ${{PIPESTATUS[0]}}"],
        cwd=cwd,
        env=environment(broker),
        capture_output=True,
        text=True,
        timeout=60.0,
        check=False,
    )
    *read, code = done.stdout.splitlines()
    return read, int(code), done.stderr


def url_with_management(broker: BrokerUnderTest) -> str:
    """Return the broker's URL with the place of its management API, which is on a port of its own."""
    return f"{broker.url}?management={quote(broker.management_url, safe='')}"


def is_alive(pid: int) -> bool:
    """Whether a process still runs; one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the latter where it ends between opening and reading
        return False


class RunningCli:
    """A command that runs, with what it has written so far. Log lines in JSON are read as events."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._readers = [
            threading.Thread(target=_read, args=(stream, lines), daemon=True)
            for stream, lines in ((process.stdout, self.stdout), (process.stderr, self.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log records of one kind of event so far."""
        return [record for record in self.records() if record.get("event") == name]

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in list(self.stderr) if line.startswith("{")]

    def wait_event(self, name: str, count: int = 1, *, timeout: float = 30.0) -> list[dict[str, Any]]:
        """Wait for `count` events of a kind, and return all there are."""
        self.wait(lambda: len(self.events(name)) >= count, f"{count} x {name}", timeout=timeout)
        return self.events(name)

    def wait(self, predicate: Callable[[], Any], what: str, *, timeout: float = 30.0) -> None:
        """Wait for a condition, and show what the command wrote where it does not come true."""
        wait_until(
            predicate,
            timeout=timeout,
            message=lambda: f"{what}; it wrote:\n{''.join(self.stdout)}\nand:\n{''.join(self.stderr)}",
        )

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def finish(self, *, timeout: float = 40.0) -> int:
        """Wait for the end; return the exit code."""
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(5.0)
        return code


def _read(stream: Any, lines: list[str]) -> None:
    with stream:
        lines.extend(iter(stream.readline, ""))


@contextmanager
def running_cli(
    *arguments: str, cwd: Path, broker: str | None = None, env: Mapping[str, str] | None = None
) -> Iterator[RunningCli]:
    """Start `warren ARGUMENTS` in a process group of its own, and kill that group at the end of the block."""
    process = subprocess.Popen(
        [*WARREN, *arguments],
        cwd=cwd,
        env=environment(broker, **(env or {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield RunningCli(process)
    finally:
        process.kill()  # its workers notice, and end by themselves
        process.wait()
