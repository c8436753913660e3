"""The exit codes of every command, documented in docs/cli.md.

Not here: which error has which (`failure.py`).
"""

from __future__ import annotations

import enum

__all__ = ["Exit"]


class Exit(enum.IntEnum):
    """How a command ended."""

    OK = 0
    FAILED = 1
    """Something failed, or is incomplete."""

    CONFIGURATION = 2
    """The command line, the application or the broker's set-up is wrong; again, unchanged, cannot help."""

    UNFINISHED = 3
    """`run` stopped with deliveries unfinished; the broker redelivers them."""

    UNAVAILABLE = 4
    """No broker or store answered in time; again, later, may help."""

    INTERRUPTED = 130
    """Ctrl-C: 128 and the number of SIGINT."""
