"""What a form of the action panel holds, read from what a browser sent: text that nobody vouches for. Pure.

Not here: the panel (`actions.py`), and its looks (templates/).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, final

from warren.dashboard.changes.changes import Person
from warren.dashboard.changes.replay import Pace
from warren.errors import ConfigurationError

__all__ = ["Fields", "text_in"]

LONGEST_TEXT: Final = 1_000_000  # characters of an edited body: they come in one message over the socket
_LONGEST: Final = 600


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields as they were written, to be shown again; `pace`, `most` and `person` read them.

    Each of those raises `ConfigurationError` that says which is wrong.
    """

    canary: str = ""
    canary_timeout: str = "60"
    rate: str = ""
    limit: str = ""
    reason: str = ""

    @classmethod
    def of(cls, told: Mapping[str, Any], former: Self) -> Self:
        """Take the fields that a browser sent, and what it did not send as it was."""
        names = cls.__dataclass_fields__
        return cls(**{name: text_in(told, name, getattr(former, name)) for name in names})

    def pace(self) -> Pace:
        """Return how a replay goes."""
        wait = _number("canary's time", self.canary_timeout)
        return Pace(
            canary=int(_number("canary", self.canary) or 0),
            canary_timeout=60.0 if wait is None else wait,
            rate=_number("rate", self.rate, is_whole=False),
        )

    def most(self) -> int | None:
        """Return how many messages are meant at most."""
        limit = _number("number of messages", self.limit)
        if limit is not None and limit < 1:
            raise ConfigurationError("the number of messages is at least 1, or empty for all of them")
        return None if limit is None else int(limit)

    def told(self, *, is_replay: bool) -> str:
        """Say once more how it goes, before it does."""
        parts = []
        if is_replay:
            canary = _number("canary", self.canary)
            parts += [f"canary {self.canary}, within {self.canary_timeout or 60} s" if canary else "no canary"]
            parts += [f"{self.rate} messages a second"] if self.rate else ["as fast as it goes"]
        parts += [f"reason: {self.reason}"] if self.reason.strip() else ["no reason given"]
        text = "; ".join(parts)
        return f"{text[0].upper()}{text[1:]}."

    def person(self, name: str) -> Person:
        """Return who does it, and why."""
        return Person(name, self.reason.strip())


def text_in(told: Mapping[str, Any], name: str, otherwise: str = "", *, longest: int = _LONGEST) -> str:
    """Return a text that a browser sent; raises `ConfigurationError` where it is too long."""
    value = told.get(name, otherwise)
    text = value if isinstance(value, str) else otherwise
    if len(text) > longest:
        raise ConfigurationError(f"that is too long: at most {longest:,} characters are taken")
    return text


def _number(name: str, text: str, *, is_whole: bool = True) -> float | None:
    """Read a number; None where nothing was written."""
    if not text.strip():
        return None
    try:
        number: float = int(text) if is_whole else float(text)
    except (ValueError, OverflowError):
        kind = "a whole number" if is_whole else "a number"
        raise ConfigurationError(f"the {name} is {kind}, not {text[:40]!r}") from None
    if not abs(number) < 1e12:  # among them NaN
        raise ConfigurationError(f"the {name} is too large")
    return number
