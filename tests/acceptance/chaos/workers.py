"""The worker processes under `warren run`: who runs, who was killed and when, and what the longest-lived one holds.

Not here: when to kill (`crashes.py`), or the application they run (`worker_app.py`).
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.chaos.records import Records
from tests.services.places import REPOSITORY
from tests.support import wait_until
from tests.support.cli import RunningCli, is_alive, running_cli
from warren.observability import events

__all__ = ["Footprint", "Workers"]

_ABOUT_CONSUMING = (events.Subscribed, events.Disconnected, events.ConsumerCancelled)
APPLICATION = "tests.acceptance.chaos.worker_app:app"


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds at a time."""

    threads: int
    descriptors: int
    resident_mb: float

    @classmethod
    def of(cls, pid: int) -> Footprint:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return cls(
            threads=int(status["Threads"]),
            descriptors=len(os.listdir(f"/proc/{pid}/fd")),  # noqa: PTH208 - the names only
            resident_mb=int(status["VmRSS"].split()[0]) / 1024,
        )

    def __sub__(self, other: Footprint) -> Footprint:
        return Footprint(
            self.threads - other.threads, self.descriptors - other.descriptors, self.resident_mb - other.resident_mb
        )


class Workers:
    """Worker processes of one run. The one that is subscribed first is spared by `end_one`."""

    def __init__(self, folder: Path, broker: str, *, processes: int, variables: Mapping[str, str]) -> None:
        self.killed: dict[int, float] = {}  # when, on the monotonic clock
        self.records = Records(folder)
        self._broker = broker
        self._processes = processes
        self._variables = {**variables, "CHAOS_FOLDER": str(folder)}
        self._running: RunningCli | None = None
        self._ends = ExitStack()

    @contextmanager
    def consuming(self) -> Iterator[Workers]:
        """Run them for the length of the block."""
        with self._ends:
            self.start()
            yield self

    def start(self) -> None:
        """Start them; return once all are subscribed."""
        self._ends.close()
        self._running = self._ends.enter_context(
            running_cli(
                *("run", APPLICATION, "--processes", str(self._processes), "--log-format", "json"),
                *("--log-level", "warning"),
                cwd=REPOSITORY,
                broker=self._broker,
                env=self._variables,
            )
        )
        self._running.wait(lambda: self.all_consume, "all workers consume")

    def stop(self) -> int:
        """Stop them gracefully; return the exit code."""
        assert self._running is not None
        self._running.signal(signal.SIGTERM)
        return self._running.finish(timeout=60.0)

    @property
    def all_consume(self) -> bool:
        """Whether as many as there should be run, and are subscribed now."""
        latest = {each.pid: each.kind for each in self.records.read(*_ABOUT_CONSUMING)}
        return sum(kind == "Subscribed" and is_alive(pid) for pid, kind in latest.items()) == self._processes

    def alive(self) -> list[int]:
        """Return the workers that run and have been subscribed, the longest-lived first."""
        return [pid for pid in dict.fromkeys(self._have_subscribed()) if is_alive(pid)]

    def wait_victim(self) -> None:
        """Wait until a worker runs and has been subscribed besides the spared one: one killed before is replaced."""
        wait_until(
            lambda: len(self.alive()) > 1,
            timeout=60.0,
            message=lambda: f"a worker to kill; logged:\n{self.log()[-4000:]}",
        )

    def end_one(self, how: signal.Signals, rng: random.Random) -> None:
        """Signal a random worker that has been subscribed, where there is one besides the spared one."""
        victims = self.alive()[1:]
        if victims:
            victim = rng.choice(victims)
            os.kill(victim, how)
            wait_until(lambda: not is_alive(victim), timeout=60.0, message=f"worker {victim} is dead")
            if how is signal.SIGKILL:
                self.killed[victim] = time.monotonic()

    def footprint(self) -> Footprint:
        """Return what the spared worker holds now."""
        return Footprint.of(self.alive()[0])

    def log(self) -> str:
        """Return what the supervisor and the workers logged."""
        return "" if self._running is None else "".join(self._running.stderr)

    def _have_subscribed(self) -> list[int]:
        return [record.pid for record in self.records.read(events.Subscribed)]
