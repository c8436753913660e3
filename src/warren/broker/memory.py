"""How much memory the process has, and how much it may use.

Not here: blocking publishers (`node.py`).
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Final

__all__ = ["memory_limit", "resident_memory"]

_SHARE: Final = 0.4
"""Of the machine's memory, as RabbitMQ's vm_memory_high_watermark was for long."""

_STATM: Final = Path("/proc/self/statm")


def resident_memory() -> int:
    """Return the bytes this process has resident; where the system does not tell, the most it ever had."""
    try:
        return int(_STATM.read_bytes().split()[1]) * resource.getpagesize()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def memory_limit(configured: int | None) -> int:
    """Return the bytes above which publishers are blocked."""
    if configured is not None:
        return configured
    return int(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * _SHARE)
