"""What a runner process is asked to do, and what it reports: both travel as JSON, through a variable and a file.

Not here: how it does it (drive.py, peers/).
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

__all__ = ["Job", "Mode"]

_VARIABLE = "WARREN_BENCH_JOB"

Mode = Literal["publish", "roundtrip", "produce", "work", "drain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One step of one runner, in a process of its own."""

    mode: Mode
    url: str
    queue: str
    queue_type: str
    folder: str
    """Where the report and the tallies go."""
    messages: int
    confirms: bool = True
    """False only to fill a queue that is then consumed: what is not measured need not be confirmed."""
    in_flight: int = 1_000
    prefetch: int = 500
    threads: int = 8
    processes: int = 1
    rate: float = 0.0
    """Messages a second in `produce`; 0 sends as fast as confirms allow."""

    @classmethod
    def received(cls) -> Job:
        """Return the job this process was started with."""
        return cls(**json.loads(os.environ[_VARIABLE]))

    @property
    def queue_arguments(self) -> dict[str, Any]:
        """The arguments the queue is declared with."""
        return {"x-queue-type": self.queue_type}

    @property
    def report_file(self) -> Path:
        """Where the runner leaves its report."""
        return Path(self.folder) / "report.json"

    def environment(self) -> dict[str, str]:
        """Return the environment that hands this job to a process."""
        return {**os.environ, _VARIABLE: json.dumps(asdict(self))}

    def but(self, **changes: Any) -> Job:
        """Return this job with some fields changed."""
        return replace(self, **changes)

    def report(self, **figures: Any) -> None:
        """Leave the report for the run."""
        self.report_file.write_text(json.dumps(figures))
