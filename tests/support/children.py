"""Child processes that run a piece of Python, say when they are ready, and are killed.

Not here: worker processes, which are started by the command line.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Child", "running"]

Child = subprocess.Popen[str]


@contextmanager
def running(code: str, *arguments: str) -> Iterator[Child]:
    """Run `code` in another Python with `sys.argv[1:] == arguments`; kill it (-9) when the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()
