"""This machine and process: its clock, environment variables, Python and Pika.

Not here: the broker's machine (`alarms.py`).
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from warren.doctor.facts import Facts
from warren.doctor.findings import Finding, FindingId, finding

__all__ = ["check_machine"]

_SKEW: Final = 5.0  # seconds; the answer's date is in whole seconds

_KNOWN: Final = frozenset(
    {"WARREN_BROKER", "WARREN_BROKER_PASSWORD", "WARREN_CODE_VERSION", "WARREN_EMBEDDED_BROKER", "WARREN_STORE"}
)

# The end of security fixes, from the schedules of Python's releases (PEP 664, 693, 719, 745).
_PYTHON_ENDS: Final[dict[tuple[int, ...], str]] = {
    (3, 11): "2027-10-31",
    (3, 12): "2028-10-31",
    (3, 13): "2029-10-31",
    (3, 14): "2030-10-31",
}
_PIKA: Final = ((1, 4), (2,))


def check_machine(facts: Facts) -> Iterator[Finding]:
    """Judge where this runs."""
    yield from _clock(facts)
    yield from _environment(facts)
    yield from _versions(facts)


def _clock(facts: Facts) -> Iterator[Finding]:
    offset = facts.live.clock_offset if facts.live else None
    if offset is not None and abs(offset) > _SKEW:
        yield finding(
            FindingId.CLOCK_SKEW,
            "clock",
            f"the broker's clock is {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} this machine's: "
            f"lag and ages of messages are wrong by that much",
            fix="synchronise both clocks (NTP)",
        )


def _environment(facts: Facts) -> Iterator[Finding]:
    told = facts.environment
    for name in sorted(told - _KNOWN):
        close = difflib.get_close_matches(name, _KNOWN, n=1)
        yield finding(
            FindingId.ENVIRONMENT_UNKNOWN,
            name,
            "no setting of Warren has this name; it has no effect",
            fix=f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(_KNOWN))}",
        )
    if "WARREN_EMBEDDED_BROKER" in told:
        yield finding(
            FindingId.ENVIRONMENT_EMBEDDED,
            "WARREN_EMBEDDED_BROKER",
            "it takes the place of any other broker; `warren run --embedded` sets it for its workers",
            fix="unset it, unless this runs below `warren run --embedded`",
        )
    if facts.code is not None:
        ignored = (
            ("WARREN_BROKER", "broker=", facts.code.broker_ignores_environment),
            ("WARREN_STORE", "store=", facts.code.store_ignores_environment),
        )
        for name, argument, is_ignored in ignored:
            if is_ignored:
                yield finding(
                    FindingId.ENVIRONMENT_IGNORED,
                    name,
                    f"it is set, but Warren({facts.code.name!r}, {argument}…) in the code says another, which counts",
                    fix=f"leave {argument} out of the code, or unset the variable",
                )


def _versions(facts: Facts) -> Iterator[Finding]:
    python = facts.runtime.python
    ends = _PYTHON_ENDS.get(python[:2])
    if ends is not None and datetime.fromisoformat(ends).replace(tzinfo=UTC).timestamp() < facts.now:
        yield finding(
            FindingId.PYTHON_OUT_OF_SUPPORT,
            f"Python {'.'.join(map(str, python))}",
            f"it gets no security fixes since {ends}",
            evidence=[f"today is {time.strftime('%Y-%m-%d', time.gmtime(facts.now))}"],
            fix="move to a later Python",
        )
    lowest, above = _PIKA
    if facts.runtime.pika and not lowest <= facts.runtime.pika < above:
        yield finding(
            FindingId.PIKA_UNTESTED,
            f"pika {'.'.join(map(str, facts.runtime.pika))}",
            "Warren is made for pika 1.4 up to, not including, 2",
            fix="pip install 'pika>=1.4,<2'",
        )
