"""Where the next step of a finding is taken within the pages, so that it is a click and no command.

Not here: what the next step is (`signals/rules/`), and the pages (`pages/`).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from warren.signals.findings import Finding
from warren.topology.naming import dead_letter_queue

__all__ = ["Lead", "lead", "lead_of"]


@final
@dataclass(frozen=True, slots=True)
class Lead:
    """The page of a dead-letter queue, and what its address asks for."""

    queue: str
    query: Mapping[str, str]


def lead(finding: Finding) -> Lead | None:
    """Return the dead letters that its command would look into; those of its failure, where that is known."""
    if finding.queue is None or finding.command is None:
        return None
    dead = dead_letter_queue(finding.queue)
    if dead not in shlex.split(finding.command):
        return None
    return Lead(dead, {"fingerprint": finding.fingerprint} if finding.fingerprint else {})


def lead_of(findings: Iterable[Finding]) -> Lead | None:
    """Return the first there is."""
    return next((found for one in findings if (found := lead(one)) is not None), None)
