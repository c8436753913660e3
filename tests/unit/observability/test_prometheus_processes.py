"""The metrics of several processes as one, while processes end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.metrics import Scrape
from warren.observability.events import EventBus, WorkerExited
from warren.observability.prometheus.processes import ProcessMetrics, remove_left_folder

WORKER = """
from prometheus_client import CollectorRegistry
from warren.observability import events
from warren.observability.events import EventBus
from warren.observability.prometheus.metrics import Metrics
from warren.observability.readings import ConsumerReading

bus = EventBus()
metrics = Metrics(bus, dict, info=("", "", "shop"), registry=CollectorRegistry())
for _ in range(10):
    bus.emit(events.Processed("q", "c", "m", "t", 1, 0.3, 2.0))
metrics.show([ConsumerReading("q", "c", 50, True, 7, 1.5)])
print("written", flush=True)
input()
"""


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def metrics(bus: EventBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessMetrics]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ProcessMetrics(bus) as metrics:
        yield metrics


class Worker:
    """A process that has counted ten messages and holds seven, until it is ended."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "written\n"
        self.pid = self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


def exited(worker: Worker, restart_in: float | None = 0.5) -> WorkerExited:
    return WorkerExited(worker.pid, -9, "killed by SIGKILL", restart_in)


def test_counts_of_processes_are_added_up_and_gauges_as_each_says(metrics: ProcessMetrics) -> None:
    workers = [Worker(), Worker()]
    seen = Scrape.of(metrics.registry)
    assert seen.get("warren_settled_total", outcome="ack") == 20
    assert seen.get("warren_handler_duration_seconds_count") == 20
    assert seen.get("warren_handler_duration_seconds_bucket", le="0.5") == 20
    assert (seen.get("warren_in_flight"), seen.get("warren_subscribed")) == (14, 2)
    assert (seen.get("warren_oldest_in_flight_seconds"), seen.get("warren_worker_info")) == (1.5, 1)
    for worker in workers:
        worker.kill()


def test_the_gauges_of_an_ended_process_vanish_and_its_counts_stay_in_one_file(
    bus: EventBus, metrics: ProcessMetrics, tmp_path: Path
) -> None:
    for round_ in range(1, 4):
        worker, other = Worker(), Worker()
        worker.kill()
        bus.emit(exited(worker))
        seen = Scrape.of(metrics.registry)
        assert (seen.get("warren_in_flight"), seen.get("warren_subscribed")) == (7, 1)
        assert seen.get("warren_settled_total") == 20 * round_
        assert seen.get("warren_worker_restarts_total") == round_
        other.kill()
        bus.emit(exited(other, restart_in=None))  # at a shutdown: not replaced
    seen = Scrape.of(metrics.registry)
    assert seen.get("warren_in_flight") is None
    assert seen.get("warren_consumer_lag_seconds_sum") == 2.0 * 60
    (folder,) = tmp_path.iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["counter_ended.db", "histogram_ended.db"]


def test_a_file_that_is_just_being_made_disturbs_no_scrape(metrics: ProcessMetrics, tmp_path: Path) -> None:
    (folder,) = tmp_path.iterdir()
    (folder / f"counter_{os.getpid()}.db").touch()
    assert Scrape.of(metrics.registry).get("warren_worker_restarts_total") == 0


def test_the_folder_is_removed_and_no_longer_named_at_the_end(bus: EventBus, tmp_path: Path) -> None:
    with ProcessMetrics(bus):
        named = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
        assert named.is_dir()
    assert not named.exists()
    assert "PROMETHEUS_MULTIPROC_DIR" not in os.environ


def test_whoever_outlives_the_supervisor_removes_what_it_left(metrics: ProcessMetrics, tmp_path: Path) -> None:
    remove_left_folder()
    assert not list(tmp_path.iterdir())
    assert Scrape.of(metrics.registry).get("warren_worker_restarts_total") == 0
