"""Text that comes from messages, made safe for a terminal: what could command it is shown as an escape.

Not here: what is shown (`inspected.py`).
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["json_line", "pretty_json", "printable"]


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return text with every control character as an escape like `\x1b`; `lines` keeps line ends and tabs."""
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() or (lines and one in "\n\t") else one.encode("unicode_escape").decode() for one in text
    )


def json_line(value: Any) -> str:
    """Write JSON on one line, which no terminal can obey and every program can read."""
    return _escaped(json.dumps(value, ensure_ascii=False))


def pretty_json(value: Any) -> str:
    """Write JSON on several lines, likewise."""
    return _escaped(json.dumps(value, ensure_ascii=False, indent=2))


def _escaped(text: str) -> str:
    """Escape what JSON leaves as it is and a terminal may obey: DEL, C1, marks that turn text around."""
    if text.isprintable():
        return text
    # Such a character stands within a string of JSON, where an escape means the same; line ends stand outside of it.
    return "".join(one if one.isprintable() or one == "\n" else json.dumps(one)[1:-1] for one in text)
