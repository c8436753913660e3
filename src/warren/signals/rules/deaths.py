"""Which dead letters came within a window, as far as looks into the dead-letter queue tell.

Not here: looking (`look.py`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from warren.signals.samples import Failure
from warren.signals.window import QueueWindow

__all__ = ["dominating", "recent_deaths"]

DOMINATING: Final = 0.8
MANY: Final = "other"  # what workers call all fingerprints beyond those they count apart


def dominating(failures: tuple[Failure, ...]) -> Failure | None:
    """Return the failure that nearly all of them are."""
    top = max(failures, key=lambda one: one.count, default=None)
    if top is None or top.fingerprint == MANY:
        return None
    return top if top.count >= DOMINATING * sum(one.count for one in failures) else None


def recent_deaths(window: QueueWindow) -> tuple[Failure, ...]:
    """Return what messages died of within the window, the most frequent first.

    A look sees the oldest dead letters, and not every one. Three cases: the queue was empty, so that all of them are
    new; a later look found more than an earlier one; or all dead letters are alike, so that new ones will be too.
    """
    if window.dead is None or not window.dead.arrived:
        return ()
    looks = [one.deaths for one in window.told if one.deaths is not None]
    if not looks:
        return ()
    if window.dead.first.depth == 0:
        return looks[-1]
    before = {failure.fingerprint: failure.count for failure in looks[0]}
    gained = [replace(one, count=one.count - before.get(one.fingerprint, 0)) for one in looks[-1]]
    newer = tuple(sorted((one for one in gained if one.count > 0), key=lambda one: -one.count))
    if newer:
        return newer
    top = dominating(looks[-1])
    return (replace(top, count=min(top.count, window.dead.arrived)),) if top else ()
