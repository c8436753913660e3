"""Which messages of a dead-letter queue are meant, as a page says it.

Not here: the conditions of a filter (`operations/select.py`), and what is done with the messages (`jobs.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, final

from warren.dashboard.letters.masking import Masking
from warren.errors import ConfigurationError
from warren.operations.captures import identity_of
from warren.operations.drain import Matches
from warren.operations.groups import OTHERS
from warren.operations.lease import Held
from warren.operations.message import fingerprint_of
from warren.operations.select import Selection

__all__ = ["Choice", "among", "key_of"]

N = TypeVar("N", str, bytes)

MOST_FILTERS: Final = 20
LONGEST_FILTER: Final = 500  # characters


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Messages of `queue`: those of `keys`, or of one failure, or that the filters let through; else all of them.

    A key is the hex of `identity_of` and means one message, also where there are equal ones. `fingerprint` and
    `filters` hold together; beside keys a fingerprint only says what their messages died of.
    """

    queue: str
    keys: tuple[str, ...] = ()
    fingerprint: str | None = None
    filters: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether it leaves nothing out."""
        return not (self.keys or self.fingerprint is not None or self.filters)

    def may_share(self, other: Choice) -> bool:
        """Whether it may have a message in common with another choice, as far as the two tell."""
        if self.queue != other.queue:
            return False
        if self.keys and other.keys:
            return not set(self.keys).isdisjoint(other.keys)
        return None in (self.fingerprint, other.fingerprint) or self.fingerprint == other.fingerprint

    def __str__(self) -> str:
        if len(self.keys) == 1:
            return "1 message"
        if self.keys:
            return f"{len(self.keys):,} messages"
        parts = [] if self.fingerprint is None else [f"the failure {self.fingerprint}"]
        parts += [f"the filter {text}" for text in self.filters]
        return "all messages" if not parts else "all messages of " + " and ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """Return what an audit log keeps of it. The first 16 digits of a key are enough to name a message."""
        told: dict[str, Any] = {"queue": self.queue}
        if self.keys:
            told["keys"] = [key[:16] for key in self.keys]
        if self.fingerprint is not None:
            told["fingerprint"] = self.fingerprint
        if self.filters:
            told["filters"] = list(self.filters)
        return told

    @property
    def selection(self) -> Selection:
        """The filters, read: the text after `~` is looked for as it stands. Raises `ConfigurationError`."""
        if len(self.filters) > MOST_FILTERS or any(len(text) > LONGEST_FILTER for text in self.filters):
            raise ConfigurationError(f"at most {MOST_FILTERS} filters of {LONGEST_FILTER} characters can be given")
        return Selection.parse(self.filters, plain=True)

    def matches(self, masking: Masking) -> Matches | None:
        """Return what tells for one go over the queue whether a message is meant; None where all are.

        Filters are held against what is shown, or they would tell secrets. Raises `ConfigurationError` for one that
        cannot be read.
        """
        if self.fingerprint == OTHERS:
            raise ConfigurationError(f"{OTHERS} are of many kinds; choose among them with a filter")
        if self.keys:
            return _Once(Counter(set(self.keys)), key_of)
        if self.is_all:
            return None
        selection, fingerprint = self.selection, self.fingerprint
        return lambda held: (
            (fingerprint is None or fingerprint_of(held.properties) == fingerprint)
            and (not selection or selection.matches(masking.mask(held)))
        )


def key_of(held: Held) -> str:
    """Name a message by its content: an address that holds as long as the message is the same."""
    return identity_of(held).hex()


def among(counted: Iterable[bytes]) -> Matches:
    """Match the messages of these identities, of equal ones as many as there are, in one go over a queue."""
    return _Once(Counter(counted), identity_of)


@final
class _Once(Generic[N]):
    """Matches so many messages of each name, those that come first: two equal ones have one name."""

    def __init__(self, left: Counter[N], name: Callable[[Held], N]) -> None:
        self._left: Counter[N] = left
        self._name: Callable[[Held], N] = name

    def __call__(self, held: Held) -> bool:
        key = self._name(held)
        if self._left[key] <= 0:
            return False
        self._left[key] -= 1
        return True
