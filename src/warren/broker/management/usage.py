"""What the process uses of the machine: files and disk space.

Not here: memory (`warren.broker.memory`).
"""

from __future__ import annotations

import os
import resource
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warren.broker.settings import BrokerConfig

__all__ = ["free_disk_space", "most_files", "open_files"]


def open_files() -> int:
    """Return how many files and sockets are open; 0 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only, many
    except OSError:
        return 0


def most_files() -> int:
    """Return how many may be open."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def free_disk_space(config: BrokerConfig) -> int:
    """Return the bytes that are free where the data folder is, or would be."""
    return shutil.disk_usage(config.data or Path.cwd()).free
