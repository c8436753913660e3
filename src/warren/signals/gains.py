"""What a total gained over a window.

A total that fell has started again: at 0 with the broker or the queue, or somewhere between with a node of a cluster or
one of several workers. What it had when it was seen again is not counted: it may be old.

Not here: which totals (`window.py`, `workers.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from operator import le

__all__ = ["gain"]


def gain(totals: Iterable[float]) -> float:
    """Return by how much a total rose, whatever it fell in between."""
    values = list(totals)
    if all(map(le, values, values[1:])):  # as nearly always, and there are many queues
        return values[-1] - values[0] if values else 0
    return sum(max(later - earlier, 0) for earlier, later in pairwise(values))
