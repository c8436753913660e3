"""The contracts of an application as they are, against those that were locked. Pure: two locks in, findings out.

Not here: comparing two schemas (`compare.py`), and the file (`lock.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from warren.contracts.evolution.compare import refusals
from warren.contracts.evolution.findings import Finding, Mode, finding_of
from warren.contracts.evolution.lock import Lock, LockedContract
from warren.contracts.evolution.notes import notes, renamed
from warren.contracts.evolution.refusal import Refusal

__all__ = ["Report", "check"]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found. `is_stale`: compatible or not, the lock is not what `warren contracts lock` would write now."""

    mode: Mode
    findings: tuple[Finding, ...]
    is_stale: bool

    @property
    def breaking(self) -> tuple[Finding, ...]:
        """What fails the check."""
        return tuple(finding for finding in self.findings if finding.is_breaking)

    @property
    def is_compatible(self) -> bool:
        """Whether nothing breaks."""
        return not self.breaking


def check(locked: Lock, current: Lock, mode: Mode = Mode.FULL) -> Report:
    """Compare the contracts of two states of an application."""
    found = [finding for old, new in _pairs(locked, current) for finding in _changed(old, new)]
    found += _further_classes(locked, current)
    found += _unread(locked, current)
    found += _new_versions(locked, current)
    found += _unpublished(locked, current)
    asked = [finding for finding in found if mode.covers(finding.direction)]
    broken = {(one.type, one.version, one.field) for one in asked if one.is_breaking and one.field}
    asked = [one for one in asked if one.is_breaking or (one.type, one.version, one.field) not in broken]
    asked.sort(key=lambda one: (not one.is_breaking, one.type, one.version, one.direction, one.field))
    return Report(mode, tuple(asked), locked != current)


def _pairs(locked: Lock, current: Lock) -> Iterator[tuple[LockedContract, LockedContract]]:
    """Yield the contracts that are in both: of the same type and version, by class where there are several."""
    for old in locked.contracts:
        same = [new for new in current.contracts if (new.type, new.version) == (old.type, old.version)]
        named = [new for new in same if new.class_name == old.class_name]
        yield from ((old, new) for new in (named or same))


def _further_classes(locked: Lock, current: Lock) -> Iterator[Finding]:
    """Yield what breaks with a class that came beside another of the same type and version.

    It need only read what the other sends where it is consumed, and only send what that reads where it is published.
    """
    for old in locked.contracts:
        same = [new for new in current.contracts if (new.type, new.version) == (old.type, old.version)]
        if any(new.class_name == old.class_name for new in same):
            known = {one.class_name for one in locked.contracts if (one.type, one.version) == (old.type, old.version)}
            for new in same:
                asked = {Mode.BACKWARD: bool(new.consumers), Mode.FORWARD: new.is_published}
                if new.class_name not in known:
                    yield from (one for one in _changed(old, new) if one.is_breaking and asked[one.direction])


# -- the same version ---------------------------------------------------------------------


def _changed(old: LockedContract, new: LockedContract) -> Iterator[Finding]:
    if (old.reads, old.writes) != (new.reads, new.writes):
        yield from _schemas(old, new)
    yield from _sizes(old, new)
    if old.is_published and new.is_published and old.place != new.place:
        yield _found(
            new,
            Mode.FORWARD,
            change=f"published to {_shown(old)} → {_shown(new)}",
            advice="bind the queues of its consumers to the new place before anything is published there",
            consequence="queues that are bound to the locked place do not receive it",
        )


def _schemas(old: LockedContract, new: LockedContract) -> Iterator[Finding]:
    names = renamed(old.reads, new.reads)
    for direction, writer, reader in ((Mode.BACKWARD, old, new), (Mode.FORWARD, new, old)):
        for refusal in _refusals(writer, reader, old):
            finding = finding_of(refusal, direction, type=new.type, version=new.version)
            yield _with_rename(finding, names)
    for note in notes(old.reads, new.reads):
        yield _found(
            new,
            Mode.BACKWARD,
            field=note.field,
            change=note.change,
            advice=note.advice,
            is_breaking=False,
            consequence="every message is read, but not as before",
        )


def _refusals(writer: LockedContract, reader: LockedContract, locked: LockedContract) -> list[Refusal]:
    """Return what the reader refuses of plain producers' messages and of Warren's, one for each place and reason.

    What the locked contract never read of itself, for a serializer of its own, is no change.
    """
    found: dict[object, Refusal] = {}
    for sent, was_sent in ((writer.reads, locked.reads), (writer.writes, locked.writes)):
        known = {refusal.place for refusal in refusals(was_sent, locked.reads)}
        for refusal in refusals(sent, reader.reads):
            if refusal.place not in known:
                found.setdefault(refusal.place, refusal)
    return list(found.values())


def _with_rename(finding: Finding, names: dict[str, str]) -> Finding:
    """Say of a field that seems to have another name now how to keep it on the wire."""
    for new_field, old_name in names.items():
        parent, _, new_name = new_field.rpartition(".")
        old_field = f"{parent}.{old_name}" if parent else old_name
        if finding.field == (new_field if finding.direction is Mode.BACKWARD else old_field):
            alias = f'{new_name}: … = Field(alias="{old_name}")'
            return replace(finding, advice=f"if {old_name} is {new_name} now, keep the name on the wire: {alias}")
    return finding


def _sizes(old: LockedContract, new: LockedContract) -> Iterator[Finding]:
    for direction, writer, reader in ((Mode.BACKWARD, old, new), (Mode.FORWARD, new, old)):
        if reader.max_size is not None and (writer.max_size is None or writer.max_size > reader.max_size):
            yield _found(
                new,
                direction,
                change=f"max_size {_size(old)} → {_size(new)}",
                advice="allow what is sent for as long as it is sent; lower the limit of producers first"
                if direction is Mode.BACKWARD
                else "release consumers with the higher limit before any producer uses it",
            )


# -- versions that come and go ------------------------------------------------------------


def _unread(locked: Lock, current: Lock) -> Iterator[Finding]:
    """Yield the versions that a consumer read and reads no more."""
    now = {(name, one.type, version) for one in current.contracts for name in one.consumers for version in one.versions}
    lost: dict[tuple[str, int], set[str]] = {}
    for one in locked.contracts:
        for version in one.versions:
            for name in one.consumers:
                if (name, one.type, version) not in now:
                    lost.setdefault((one.type, version), set()).add(name)
    for (message_type, version), names in sorted(lost.items()):
        yield Finding(
            type=message_type,
            version=version,
            direction=Mode.BACKWARD,
            field="",
            change=f"no longer read by {', '.join(sorted(names))}",
            advice="keep its class in the consumer, or give the newer one an upcaster from it: "
            f"@upcaster(…, from_version={version})",
        )


def _new_versions(locked: Lock, current: Lock) -> Iterator[Finding]:
    """Yield the versions that are published and that consumers with the lock do not read."""
    published = {(one.type, one.version) for one in locked.contracts if one.is_published}
    known = {one.type for one in locked.contracts}
    for one in current.contracts:
        if not one.is_published or (one.type, one.version) in published or one.type not in known:
            continue
        of_type = [old for old in locked.contracts if old.type == one.type]
        consumers = {name for old in of_type for name in old.consumers}
        reading = {name for old in of_type if one.version in old.versions for name in old.consumers}
        unaware = sorted(consumers - reading)
        if unaware or not consumers:
            yield _too_early(one, unaware)


def _too_early(one: LockedContract, unaware: list[str]) -> Finding:
    if not unaware:
        return _found(
            one,
            Mode.FORWARD,
            change="a new version is published",
            advice="release its consumers with a class or an upcaster that reads it before it is published",
            is_breaking=False,
            consequence="no consumer of it is known here: those elsewhere dead-letter a version they do not read",
        )
    return _found(
        one,
        Mode.FORWARD,
        change=f"a new version is published, which {', '.join(unaware)} did not read",
        advice="first release them with a class or an upcaster that reads it, and publish the old version; lock that; "
        "then publish the new one",
    )


def _unpublished(locked: Lock, current: Lock) -> Iterator[Finding]:
    published = {(one.type, one.version) for one in current.contracts if one.is_published}
    for one in locked.contracts:
        if one.is_published and (one.type, one.version) not in published:
            yield _found(
                one,
                Mode.FORWARD,
                change="no longer published",
                advice="check that nobody waits for it",
                is_breaking=False,
                consequence="its consumers get no more of it from here",
            )


def _found(
    one: LockedContract,
    direction: Mode,
    *,
    change: str,
    advice: str,
    field: str = "",
    is_breaking: bool = True,
    consequence: str = "",
) -> Finding:
    return Finding(
        type=one.type,
        version=one.version,
        direction=direction,
        field=field,
        change=change,
        advice=advice,
        is_breaking=is_breaking,
        consequence=consequence,
    )


def _size(one: LockedContract) -> str:
    return "unlimited" if one.max_size is None else f"{one.max_size:,} bytes"


def _shown(one: LockedContract) -> str:
    headers = " with headers" if one.headers else ""
    return f"{one.exchange or 'the default exchange'}, {one.routing_key or 'no key'}{headers}"
