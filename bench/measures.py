"""How each figure is taken: one function a measure, each on a fresh queue that is checked and deleted afterwards.

Not here: in which order they are taken (run.py), or what they are compared with (targets.py).
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles
from uuid import uuid4

from bench.drive import WARM_UP
from bench.job import Job, Mode
from bench.peers import Runner
from bench.processes import Failed, Process, cpu_seconds
from bench.queues import Queues
from bench.tally import TallyReader

__all__ = ["Bench", "Latency", "Rate", "RoundTrip"]

_POLL = 0.01
_START = 30.0
_STALL = 20.0
# Acks sent just before the channel closes can be lost on a quorum queue: some hundreds came back on 3.10.
_SETTLE = 0.5


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages a second, and what one cost the client in microseconds of processor time."""

    per_second: float
    cpu_us: float | None
    unacknowledged: int = 0
    """Messages that were handled, and were back in the queue once the worker had ended."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """How long one confirmed publish takes when nothing else is in flight."""

    p50_us: float
    p99_us: float


@dataclass(frozen=True, slots=True)
class Latency:
    """From the publish call to the handler, at `per_second` messages."""

    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The broker and the sizes that every measure of a run shares."""

    queues: Queues
    url: str
    queue_type: str
    messages: int

    @contextmanager
    def _job(self, mode: Mode, messages: int, runner: Runner) -> Iterator[Job]:
        with tempfile.TemporaryDirectory(prefix="warren-bench-") as folder:
            job = Job(
                mode=mode,
                url=self.url,
                queue=f"bench.{uuid4().hex[:8]}",
                queue_type=self.queue_type,
                folder=folder,
                messages=messages,
                in_flight=runner.in_flight,
            )
            if not runner.declares_itself:
                self.queues.declare(job.queue, self.queue_type)
            try:
                yield job
            finally:
                self.queues.delete(job.queue)

    # -- publish ------------------------------------------------------------------------------

    def publish(self, runner: Runner) -> Rate:
        """Return how fast it publishes, each message confirmed; all must be in the queue afterwards."""
        with self._job("publish", int(self.messages * runner.publish_share), runner) as job:
            report = _run(runner, job)
            self.queues.await_depth(job.queue, job.messages + int(report["warm_up"]))
            return Rate(job.messages / report["seconds"], report["cpu_seconds"] / job.messages * 1e6)

    def round_trip(self, runner: Runner, messages: int = 500) -> RoundTrip:
        """Return how long one confirmed publish takes."""
        with self._job("roundtrip", messages, runner) as job:
            report = _run(runner, job)
            return RoundTrip(report["p50_us"], report["p99_us"])

    # -- consume ------------------------------------------------------------------------------

    def consume(self, runner: Runner, processes: int = 1) -> Rate:
        """Return how fast workers empty a queue that was filled before; messages back in it afterwards are counted."""
        with self._job("publish", int(self.messages * runner.consume_share * processes), runner) as job:
            _run(runner, job.but(confirms=False))
            filled = job.messages + (0 if runner.counts_itself else WARM_UP)
            self.queues.await_depth(job.queue, filled)
            if runner.counts_itself:
                report = _run(runner, job.but(mode="drain"))
                rate = Rate(job.messages / report["seconds"], report["cpu_seconds"] / job.messages * 1e6)
            else:
                rate = self._drain(runner, job.but(mode="work", messages=filled, processes=processes))
            return replace(rate, unacknowledged=self.queues.settled_depth(job.queue))

    def _drain(self, runner: Runner, job: Job) -> Rate:
        with _workers(runner, job) as workers:
            tally = TallyReader(Path(job.folder))
            # The clock starts when every process is at work and the first 5 % are done: imports and the
            # first, half-empty prefetch windows are not what is measured.
            _await_progress(workers, tally, job, until=max(1, job.messages // 20), processes=job.processes)
            started, at_start = time.monotonic_ns(), tally.counts()
            cpu_at_start = cpu_seconds(at_start)
            early = sum(at_start.values())
            if early > job.messages * 0.7:
                raise Failed(f"{early:,} of {job.messages:,} messages were handled before all processes were at work")
            _await_progress(workers, tally, job, until=job.messages)
            handled = job.messages - early
            cpu = cpu_seconds(at_start) - cpu_at_start
            return Rate(handled / (tally.last_ns() - started) * 1e9, cpu / handled * 1e6)

    # -- end to end ---------------------------------------------------------------------------

    def through(self, runner: Runner) -> Rate:
        """Return the rate at which a producer and a worker, both flat out, move messages together."""
        messages = int(self.messages * min(runner.publish_share, runner.consume_share))
        with self._job("produce", messages, runner) as job, self._consuming(runner, job) as (workers, tally):
            report = _run(runner, job)
            _await_progress(workers, tally, job, until=job.messages + WARM_UP)
            return Rate(job.messages / (tally.last_ns() - report["started_ns"]) * 1e9, None)

    def latency(self, runner: Runner, rate: float, seconds: float) -> Latency:
        """Return the time from the publish call to the handler at a fixed rate."""
        with self._job("produce", max(100, int(rate * seconds)), runner) as queued:
            job = queued.but(rate=rate)
            with self._consuming(runner, job) as (workers, tally):
                report = _run(runner, job)
                _await_progress(workers, tally, job, until=job.messages + WARM_UP)
                cuts = quantiles(tally.latencies_ns(), n=100)
                return Latency(job.messages / report["seconds"], cuts[49] / 1e6, cuts[98] / 1e6)

    @contextmanager
    def _consuming(self, runner: Runner, job: Job) -> Iterator[tuple[list[Process], TallyReader]]:
        with _workers(runner, job.but(mode="work")) as workers:
            deadline = time.monotonic() + _START
            while not self.queues.consumers(job.queue):
                _check(workers, deadline, "no consumer appeared on the queue")
                time.sleep(_POLL)
            yield workers, TallyReader(Path(job.folder))


def _command(runner: Runner) -> list[str]:
    return ["-m", runner.module, *runner.arguments]


def _run(runner: Runner, job: Job) -> dict[str, float]:
    with Process(_command(runner), job.environment()) as process:
        process.wait(timeout=180.0)
    if not job.report_file.exists():
        raise Failed(f"{runner.name} ended without a report: {process.errors()}")
    report: dict[str, float] = json.loads(job.report_file.read_text())
    job.report_file.unlink()
    return report


@contextmanager
def _workers(runner: Runner, job: Job) -> Iterator[list[Process]]:
    workers: list[Process] = []
    try:
        for _ in range(1 if runner.own_processes else job.processes):
            workers.append(Process(_command(runner), job.environment()))  # noqa: PERF401 - all started ones are ended
        yield workers
        time.sleep(_SETTLE)
        for worker in workers:
            worker.stop()
    finally:
        for worker in workers:
            worker.kill()


def _await_progress(workers: list[Process], tally: TallyReader, job: Job, *, until: int, processes: int = 1) -> None:
    """Wait until that many messages are handled, by at least that many processes."""
    seen, deadline = 0, time.monotonic() + _START
    while True:
        counts = tally.counts()
        handled = sum(counts.values())
        if handled >= until and len(counts) >= processes:
            return
        if handled > seen:
            seen, deadline = handled, time.monotonic() + _STALL
        _check(workers, deadline, f"stalled after {handled:,} of {job.messages:,} messages")
        time.sleep(_POLL)


def _check(workers: list[Process], deadline: float, complaint: str) -> None:
    for worker in workers:
        worker.check_alive()
    if time.monotonic() > deadline:
        raise Failed(f"{complaint}; {' '.join(worker.errors() for worker in workers)}")
