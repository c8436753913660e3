"""What an audit log says: a line before each change (who, when, what, why), and one with what became of it. Pure.

Not here: the file (`audit.py`).
"""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, final

from warren.operations.message import iso_time

__all__ = ["Action", "Outcome", "Record", "Result", "read_records"]

_VERSION: Final = 1


class Action(enum.StrEnum):
    """What was to be done."""

    REPLAY = "replay"
    DISCARD = "discard"
    EDIT = "edit"


class Outcome(enum.StrEnum):
    """How a change ended. Whatever it is, no message is lost by it."""

    DONE = "done"
    STOPPED = "stopped"
    """By itself: a canary failed, a message died again of what it had died of, or somebody else holds the rest."""
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    """The dashboard ended."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How it ended, of `of` messages that were there at the start; `died` again, as far as that was heard.

    `file` keeps what was discarded.
    """

    outcome: Outcome
    done: int
    of: int
    died: int = 0
    detail: str = ""
    file: str = ""
    at: float = 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One change. `which` are the messages as `Choice.as_json` names them. Times are in seconds since the epoch.

    `result` is None while it goes on, and for ever where the dashboard was killed meanwhile.
    """

    id: str
    at: float
    who: str
    action: Action
    queue: str
    which: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    result: Result | None = None

    def __str__(self) -> str:
        """`2 messages; canary 5, rate 10`: which were meant, and how."""
        which, options = self.which, dict(self.options)
        most, among = options.pop("limit", None), options.pop("at_most", None)
        keys = len(which.get("keys", ()))
        parts = ["1 message" if keys == 1 else f"{keys:,} messages"] if keys else []
        parts += [f"failed of {which['fingerprint']}"] if which.get("fingerprint") else []
        parts += [f"where {text}" for text in which.get("filters", ())]
        if not keys and most is not None:
            counted = f"{most:,} of {among:,}" if among is not None else f"at most {most:,}"
            parts.insert(0, f"{counted} {'message' if (among or most) == 1 else 'messages'}")
        how = [f"{_word(name)} {_told(value)}" for name, value in options.items() if value not in (None, [])]
        return "; ".join(part for part in (", ".join(parts) or "all messages", ", ".join(how)) if part)

    def intent(self) -> dict[str, Any]:
        """Return the line that is written before."""
        return {
            "v": _VERSION,
            "id": self.id,
            "phase": "intent",
            "at": iso_time(self.at),
            "time": self.at,
            "who": self.who,
            "action": self.action,
            "queue": self.queue,
            "which": dict(self.which),
            "options": dict(self.options),
            "why": self.why,
        }

    def end(self, result: Result) -> dict[str, Any]:
        """Return the line that is written after."""
        return {
            "v": _VERSION,
            "id": self.id,
            "phase": "result",
            "at": iso_time(result.at),
            "time": result.at,
            "outcome": result.outcome,
            "done": result.done,
            "of": result.of,
            "died": result.died,
            "detail": result.detail,
            "file": result.file,
        }


def read_records(lines: Iterable[bytes], *, most: int) -> tuple[Record, ...]:
    """Return the newest changes, the newest first. A line that cannot be read is passed over, as is a result alone."""
    found: dict[str, Record] = {}
    for line in lines:
        try:
            told = json.loads(line)
            if told["phase"] == "intent":
                found[told["id"]] = _intent(told)
            elif told["id"] in found:
                found[told["id"]] = replace(found[told["id"]], result=_result(told))
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return tuple(reversed(found.values()))[:most]


def _word(name: str) -> str:
    return name.replace("_", " ")


def _told(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _intent(told: Mapping[str, Any]) -> Record:
    return Record(
        id=str(told["id"]),
        at=float(told["time"]),
        who=str(told["who"]),
        action=Action(told["action"]),
        queue=str(told["queue"]),
        which=dict(told["which"]),
        options=dict(told["options"]),
        why=str(told["why"]),
    )


def _result(told: Mapping[str, Any]) -> Result:
    return Result(
        outcome=Outcome(told["outcome"]),
        done=int(told["done"]),
        of=int(told["of"]),
        died=int(told.get("died", 0)),
        detail=str(told["detail"]),
        file=str(told["file"]),
        at=float(told["time"]),
    )
