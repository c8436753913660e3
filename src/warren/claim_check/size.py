"""Sizes with a unit, as in `"256KB"`.

Not here: durations (`topology/duration.py`).
"""

from __future__ import annotations

import re
from typing import Final

from warren.errors import ConfigurationError

__all__ = ["parse_size"]

_UNITS: Final = {
    "": 1,
    "B": 1,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KIB": 1 << 10,
    "MIB": 1 << 20,
    "GIB": 1 << 30,
}
_SIZE: Final = re.compile(r"(?P<number>[0-9]{1,12})\s*(?P<unit>[A-Za-z]*)", re.ASCII)


def parse_size(value: int | str) -> int:
    """Return bytes. Raises `ConfigurationError`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found["unit"].upper() not in _UNITS:
        raise ConfigurationError(f"{value!r} is no size; give bytes, or a number with KB, MB, GB, KiB, MiB or GiB")
    return int(found["number"]) * _UNITS[found["unit"].upper()]
