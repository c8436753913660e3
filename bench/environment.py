"""What a run ran on and with, for the results: figures mean little without it.

Not here: the figures.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.order import BODY_BYTES
from bench.peers import Runner
from bench.processes import TICKS, cpu_seconds

__all__ = ["OtherWork", "describe", "machine"]

_BESIDE = ("pika", "pydantic", "uvloop")


def describe(runners: Iterable[Runner], broker: str, **settings: object) -> dict[str, Any]:
    """Return the machine, the versions and the settings of a run as plain values."""
    packages = sorted({*_BESIDE, *(runner.package for runner in runners if runner.package)})
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": machine(),
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "broker": broker,
        "body_bytes": BODY_BYTES,
        "versions": {package: _version(package) for package in packages},
        "runners": {runner.name: runner.setting for runner in runners},
        **settings,
    }


def machine() -> str:
    """Return how many processors of which kind there are."""
    return f"{os.cpu_count()} × {_processor()}"


class OtherWork:
    """What share of the machine went to neither this run nor its broker since it was made.

    `broker` is the broker's process id; without it there is no telling the broker's work from anyone else's.
    """

    def __init__(self, broker: int | None) -> None:
        self._broker = broker
        self._total, self._busy = _machine_seconds()
        self._own = self._own_seconds()

    def share(self) -> float | None:
        """Return it as a fraction; None where it cannot be told."""
        total, busy = _machine_seconds()
        if self._broker is None or total <= self._total:
            return None
        other = (busy - self._busy) - (self._own_seconds() - self._own)
        return max(0.0, other / (total - self._total))

    def _own_seconds(self) -> float:
        return sum(os.times()[:4]) + (cpu_seconds([self._broker]) if self._broker else 0.0)


def _machine_seconds() -> tuple[float, float]:
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    return sum(fields) / TICKS, (sum(fields) - idle) / TICKS


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    lines = information.read_text().splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
