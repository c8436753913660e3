"""Names as methods carry them.

Not here: names the broker makes (`model/names.py`).
"""

from __future__ import annotations

__all__ = ["plain"]


def plain(name: str) -> str:
    """Return a name of an exchange or a queue without line ends, which RabbitMQ leaves out too."""
    return name.replace("\r", "").replace("\n", "")
