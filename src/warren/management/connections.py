"""What the management API tells of connections: the names their programs gave them.

Not here: the consumers that are on them (`consumers.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from warren.management.values import as_table, as_text

__all__ = ["CONNECTION_NAME_COLUMNS", "read_connection_names"]

CONNECTION_NAME_COLUMNS: Final = "name,client_properties.connection_name"


def read_connection_names(told: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """Return the name a program gave each connection, by what the broker calls it; without those that gave none."""
    given = {str(one["name"]): as_text(as_table(one.get("client_properties")).get("connection_name")) for one in told}
    return MappingProxyType({name: own for name, own in given.items() if own is not None})
