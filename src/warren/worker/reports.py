"""What a worker process tells its supervisor, as lines of JSON on the socket between them.

Not here: the socket's two ends (`supervised.py`, `child.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import assert_never, final

from warren.worker.health import Health

__all__ = ["Began", "Ended", "Failed", "Report", "State", "decode_report", "encode_report"]


@final
@dataclass(frozen=True, slots=True)
class Began:
    """The application is loaded. `grace` is what its deliveries in flight get at shutdown, in seconds."""

    grace: float


@final
@dataclass(frozen=True, slots=True)
class State:
    """How the worker is now."""

    health: Health


@final
@dataclass(frozen=True, slots=True)
class Failed:
    """Why the process is about to end, in one line."""

    error: str


@final
@dataclass(frozen=True, slots=True)
class Ended:
    """The worker has shut down with this exit code; nothing but the interpreter is left to end."""

    code: int


Report = Began | State | Failed | Ended


def encode_report(report: Report) -> bytes:
    """Write one line."""
    match report:
        case Began(grace):
            told: dict[str, object] = {"began": grace}
        case State(health):
            told = {"state": health.as_dict()}
        case Failed(error):
            told = {"failed": error}
        case Ended(code):
            told = {"ended": code}
        case _:
            assert_never(report)
    return json.dumps(told).encode() + b"\n"


def decode_report(line: bytes) -> Report:
    """Read one line. Raises `ValueError` for what `encode_report` did not write."""
    match json.loads(line):
        case {"began": float() | int() as grace}:
            return Began(float(grace))
        case {"state": dict() as told}:
            return State(Health.from_dict(told))
        case {"failed": str() as error}:
            return Failed(error)
        case {"ended": int() as code}:
            return Ended(code)
        case other:
            raise ValueError(f"no report: {other!r:.100}")
