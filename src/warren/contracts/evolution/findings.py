"""What a change of a contract breaks, for whom, and what to do about it.

Not here: finding it (`check.py`), or printing it (`warren/cli/contracts.py`).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from warren.contracts.evolution.refusal import Refusal, Why

__all__ = ["Finding", "Mode", "finding_of"]


class Mode(enum.StrEnum):
    """Which way a contract has to stay compatible."""

    BACKWARD = "backward"
    """New consumers read what old producers sent."""

    FORWARD = "forward"
    """Old consumers read what new producers send."""

    FULL = "full"
    """Both."""

    def covers(self, direction: Mode) -> bool:
        """Whether something in this direction is asked about."""
        return self in (Mode.FULL, direction)


_BREAKS = {Mode.BACKWARD: "producers", Mode.FORWARD: "consumers"}
_SUFFERS = {  # old is what was locked
    Mode.BACKWARD: "new consumers dead-letter what old producers send, and what waits in queues",
    Mode.FORWARD: "old consumers dead-letter what new producers send",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One change. `field` is a path like `lines[].price`, empty where the message as a whole is meant."""

    type: str
    version: int
    direction: Mode
    field: str
    change: str
    advice: str
    is_breaking: bool = True
    consequence: str = ""

    @property
    def breaks(self) -> str:
        """Whose messages or programs are left behind: `producers` or `consumers`, those with the locked contract."""
        return _BREAKS[self.direction]

    @property
    def because(self) -> str:
        """What happens to them."""
        return self.consequence or _SUFFERS[self.direction]


def finding_of(refusal: Refusal, direction: Mode, *, type: str, version: int) -> Finding:  # noqa: A002
    """Say of a refusal what was changed, and what to do."""
    is_backward = direction is Mode.BACKWARD
    old, new = (refusal.sent, refusal.read) if is_backward else (refusal.read, refusal.sent)
    advice = _BACKWARD[refusal.why] if is_backward else _FORWARD[refusal.why]
    return Finding(
        type=type,
        version=version,
        direction=direction,
        field=refusal.field,
        change=_change(refusal.why, old, new, is_backward=is_backward),
        advice=advice.format(sent=refusal.sent, read=refusal.read, field=refusal.field.rpartition(".")[2]),
    )


def _change(why: Why, old: str, new: str, *, is_backward: bool) -> str:
    match why:
        case Why.MISSING if is_backward:
            return "added as required" if old == "absent" else "optional → required"
        case Why.MISSING:
            return "removed" if new == "absent" else "required → optional"
        case Why.UNKNOWN:
            return "removed, and unknown fields are forbidden" if is_backward else f"added ({new}), which was forbidden"
        case Why.VALUES if is_backward:
            return f"no longer allowed: {old}"
        case Why.VALUES:
            return f"newly allowed: {new}"
        case Why.VALIDATOR:
            return f"now {new}" if is_backward else f"no longer {old}"
        case _:
            return f"{old} → {new}"


_OTHERWISE = "or make it a new version with an upcaster"
_CONSUMERS_FIRST = "release consumers that read it before any producer sends it, or make it a new version"

_BACKWARD = {
    Why.MISSING: f"give it a default, {_OTHERWISE}",
    Why.UNKNOWN: 'keep the field as optional, or do without extra="forbid"',
    Why.TYPE: f"read both as a union while both are sent, {_OTHERWISE}",
    Why.VALUES: f"keep reading them until no producer and no queue has them, {_OTHERWISE}",
    Why.LIMIT: f"keep the wider limit for reading and check the narrower one in the handler, {_OTHERWISE}",
    Why.FORMAT: f"read both as a union while both are sent, {_OTHERWISE}",
    Why.VALIDATOR: "what it refuses cannot be seen from here: make sure that it reads all that was sent and lock "
    "with --allow-breaking, or make it a new version",
    Why.KEYS: f"keep reading the old keys, {_OTHERWISE}",
}
_FORWARD = {
    Why.MISSING: "keep sending it until no consumer requires it any more, or make it a new version",
    Why.UNKNOWN: 'release consumers that know it first; without extra="forbid" they would ignore it',
    Why.TYPE: _CONSUMERS_FIRST,
    Why.VALUES: "release consumers that read them before any producer sends them, or make it a new version",
    Why.LIMIT: _CONSUMERS_FIRST,
    Why.FORMAT: _CONSUMERS_FIRST,
    Why.VALIDATOR: "send nothing it would refuse until all consumers are without it",
    Why.KEYS: _CONSUMERS_FIRST,
}
