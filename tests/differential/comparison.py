"""What differs between two brokers' transcripts, once the rules of differences.py are allowed for.

Not here: the rules (differences.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from tests.differential.differences import RULES, Rule
from tests.differential.transcript import FAILED

__all__ = ["changes", "failures", "used_rules"]


def failures(lines: Iterable[str]) -> list[str]:
    """Return the lines that are wrong whatever another broker observes."""
    return [line for line in lines if FAILED in line]


def changes(broker: str, reference: Sequence[str], observed: Sequence[str]) -> tuple[str, ...]:
    """Return what differs: `- line` was observed on the reference only, `+ line` on the broker only."""
    expected = list(reference)
    for rule in _rules(broker):
        expected = [rule.expected(line) for line in expected]
    found = difflib.unified_diff(expected, observed, n=0, lineterm="")
    return tuple(f"{line[0]} {line[1:]}" for line in list(found)[2:] if line[0] in "+-")


def used_rules(broker: str, transcripts: Iterable[Sequence[str]]) -> list[Rule]:
    """Return the rules that change any line of the reference's transcripts."""
    lines = {line for transcript in transcripts for line in transcript}
    return [rule for rule in _rules(broker) if any(rule.expected(line) != line for line in lines)]


def _rules(broker: str) -> list[Rule]:
    return [rule for rule in RULES if rule.broker == broker]
