"""Field values of AMQP as JSON can write them, for reading: what JSON lacks becomes text.

Not here: keeping every type (`capture.py`), and what a terminal can bear (`cli/terminal.py`).
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

__all__ = ["as_plain"]


def as_plain(value: Any) -> Any:
    """Return a value that JSON can write. Times are ISO 8601, bytes that are no text are base64."""
    match value:
        case None | bool():
            return value
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        case int():
            return int(value)
        case float():
            return float(value) if math.isfinite(value) else str(float(value))
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case bytes() | bytearray():
            try:
                return bytes(value).decode()
            except UnicodeDecodeError:
                return base64.b64encode(value).decode()
        case Mapping():
            return {str(as_plain(name)): as_plain(one) for name, one in value.items()}
        case _:
            return [as_plain(one) for one in value]
