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

__all__ = ["describe"]

_BESIDE = ("pika", "pydantic", "uvloop")


def describe(runners: Iterable[Runner], broker: str, **settings: object) -> dict[str, Any]:
    """Return the machine, the versions and the settings of a run as plain values."""
    packages = sorted({*_BESIDE, *(runner.package for runner in runners if runner.package)})
    return {
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "machine": f"{os.cpu_count()} × {_processor()}",
        "load_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "broker": broker,
        "body_bytes": BODY_BYTES,
        "versions": {package: _version(package) for package in packages},
        "runners": {runner.name: runner.setting for runner in runners},
        **settings,
    }


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
