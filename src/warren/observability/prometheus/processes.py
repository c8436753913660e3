"""The metrics of several worker processes as one: the folder they write to, gathered at each scrape.

Not here: what a process writes (`metrics.py`).

Theory of operation. Each process keeps its values in files of its own in a folder that `PROMETHEUS_MULTIPROC_DIR`
names, which is prometheus_client's way. A scrape reads the files in this process: it takes nothing from those that
consume. Of a process that has ended the gauges vanish, and the counts are added to one file that belongs to nobody, so
that no count goes down, and files do not pile up.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Metric, disable_created_metrics
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

from warren.observability.events import EventBus, WorkerExited

__all__ = ["ProcessMetrics", "remove_left_folder"]

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_ENDED: Final = "ended"  # in the place of a process id


class ProcessMetrics:
    """The metrics of the processes that are started while its block runs, in `registry`.

    Counts the restarts that `bus` tells of. The folder is removed at the end.
    """

    def __init__(self, bus: EventBus) -> None:
        disable_created_metrics()  # of the only metric that is kept here
        self.registry = CollectorRegistry()
        self._restarts = Counter("warren_worker_restarts", "Workers that were replaced.", registry=self.registry)
        self._folder = Path(tempfile.mkdtemp(prefix="warren-metrics-"))
        self._files = threading.Lock()
        self.registry.register(self)
        bus.subscribe(self._worker_exited, WorkerExited)

    def __enter__(self) -> ProcessMetrics:
        os.environ[FOLDER] = str(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.environ.pop(FOLDER, None)
        shutil.rmtree(self._folder, ignore_errors=True)

    def collect(self) -> Iterable[Metric]:
        """Add up what the processes have written."""
        with self._files:
            written = [file for file in self._folder.glob("*.db") if file.stat().st_size]  # one may just be made
            return list(MultiProcessCollector.merge(map(str, written)))

    def _worker_exited(self, event: WorkerExited) -> None:
        if event.restart_in is not None:
            self._restarts.inc()
        self.bury()

    def bury(self) -> None:
        """Let the gauges of processes that have ended vanish, and keep their counts."""
        with self._files:
            for file in self._folder.glob("*.db"):
                kind, process = file.stem.split("_", 1)[0], file.stem.rsplit("_", 1)[1]
                if process == _ENDED or _runs(int(process)):
                    continue
                if kind != "gauge":
                    _add(file, self._folder / f"{kind}_{_ENDED}.db")
                file.unlink()


def remove_left_folder() -> None:
    """Remove the folder a worker process has written to; for one whose supervisor died and cannot do so any more."""
    folder = os.environ.get(FOLDER)
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def _add(file: Path, total: Path) -> None:
    kept = MmapedDict(str(total))
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):
            kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
    finally:
        kept.close()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
