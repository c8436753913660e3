"""What kind of failure an exception is.

Not here: what follows from it (`retry.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from warren.errors import BodyMissing, ConfigurationError, ContractError, Permanent, StoreUnavailable, Transient

__all__ = ["Classification", "Rules", "Unknown"]


class Classification(StrEnum):
    """Kinds of failure."""

    CONTRACT = "contract"
    PERMANENT = "permanent"
    TRANSIENT = "transient"
    UNKNOWN = "unknown"


class Unknown(StrEnum):
    """What to do with an exception no rule names."""

    RETRY = "retry"
    DEAD_LETTER = "dead-letter"


@dataclass(frozen=True, slots=True)
class Rules:
    """A consumer's own additions. `permanent` wins over `transient` where an exception is both."""

    transient: tuple[type[BaseException], ...] = ()
    permanent: tuple[type[BaseException], ...] = ()
    unknown: Unknown = Unknown.RETRY

    @classmethod
    def of(cls, *, transient: object = (), permanent: object = (), unknown: str = Unknown.RETRY) -> Rules:
        """Read what a consumer's decorator was given: an exception class or several. Raises `ConfigurationError`."""
        try:
            rule = Unknown(unknown)
        except ValueError:
            raise ConfigurationError(f'unknown={unknown!r} is not known; write "retry" or "dead-letter"') from None
        return cls(_exception_types("transient", transient), _exception_types("permanent", permanent), rule)

    def classify(self, error: BaseException) -> Classification:
        """Tell what kind of failure `error` is."""
        # Four cases, the first that fits: the message itself, said so, listed, known by its nature.
        if isinstance(error, ContractError):
            return Classification.CONTRACT
        if isinstance(error, (Permanent, *self.permanent)):
            return Classification.PERMANENT
        if isinstance(
            error, (Transient, StoreUnavailable, BodyMissing, TimeoutError, ConnectionError, *self.transient)
        ):
            return Classification.TRANSIENT
        return Classification.UNKNOWN


def _exception_types(name: str, value: object) -> tuple[type[BaseException], ...]:
    types = tuple(value) if isinstance(value, Iterable) and not isinstance(value, type) else (value,)
    for each in types:
        if not (isinstance(each, type) and issubclass(each, BaseException)):
            raise ConfigurationError(f"{name}=… takes exception classes, not {each!r}")
    return types
