"""Celery's own worker, in a process of its own, with the tasks of a test.

Not here: anything of Warren's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_until

__all__ = ["CeleryWorker", "celery_worker"]

_MODULE = """
import os, signal
from celery import Celery

app = Celery("worker", broker=os.environ["BROKER"])
app.conf.worker_cancel_long_running_tasks_on_connection_loss = True

def note(text):
    with open("ran", "a") as ran:
        ran.write(text + chr(10))

"""


class CeleryWorker:
    """A worker that runs; its tasks call `note(text)`."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self._folder = folder

    @property
    def notes(self) -> list[str]:
        ran = self._folder / "ran"
        return ran.read_text().splitlines() if ran.exists() else []

    def wait_notes(self, count: int) -> list[str]:
        """Wait until the tasks have noted so much."""
        wait_until(lambda: len(self.notes) >= count, timeout=60.0, message=lambda: f"{count} notes; {self._told()}")
        return self.notes

    def _told(self) -> str:
        return f"there are {self.notes}, and it wrote:\n{(self._folder / 'log').read_text()}"


@contextmanager
def celery_worker(url: str, folder: Path, queues: str, tasks: str) -> Iterator[CeleryWorker]:
    """Run a worker on some queues, with `tasks` as Python source around `app` and `note`; kill it after the block."""
    (folder / "worker.py").write_text(_MODULE + tasks)
    command = [sys.executable, "-m", "celery", "-A", "worker", "worker", "-Q", queues, "--concurrency", "1"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--without-mingle", "--without-gossip"],
            cwd=folder,
            env={**os.environ, "BROKER": url},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield CeleryWorker(process, folder)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # and the process that runs its tasks
            process.wait()
