"""Numbers and texts: whether all that one schema lets through is read by another.

Not here: objects, lists and unions (`compare.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from warren.contracts.evolution.nodes import ANYTHING, Node
from warren.contracts.evolution.refusal import Refusal, Why
from warren.contracts.evolution.schemas import LIMITS, VALIDATORS

__all__ = ["scalar_refusals", "value_is_read"]

_NO_FORM: Final = frozenset({None, "password", "path", "regex", "color"})
"""Formats of which any text may be."""

_WIDER: Final = {
    "uuid": frozenset({"uuid1", "uuid3", "uuid4", "uuid5", "uuid6", "uuid7", "uuid8"}),
    "ipvanyaddress": frozenset({"ipv4", "ipv6"}),
    "ipvanynetwork": frozenset({"ipv4network", "ipv6network"}),
    "ipvanyinterface": frozenset({"ipv4interface", "ipv6interface"}),
}
"""Formats that read others as well."""

_DIGITS: Final = ("max_digits", "decimal_places")
_MAKES_SHORTER: Final = frozenset({"strip_whitespace", "to_lower", "to_upper"})


def scalar_refusals(sent: Node, read: Node, field: str) -> Iterator[Refusal]:
    """Yield what the reader refuses of a number or a text of the same type."""
    is_text = read.type == "string"
    if is_text and not _form_is_read(sent.get("format"), read.get("format")):
        yield Refusal(field, Why.FORMAT, str(sent), str(read))
        return
    is_limited = _is_out_of_bounds(sent, read) or _digits_do_not_fit(sent, read)
    if is_text:
        is_limited = is_limited or _is_out_of_length(sent, read)
    if is_limited:
        yield Refusal(field, Why.LIMIT, _told(sent), _told(read))


def value_is_read(value: Any, sent: Node, member: Node) -> bool:
    """Tell whether one value of a list is read."""
    if not set(member.get(VALIDATORS, ())) <= set(sent.get(VALIDATORS, ())):
        return False
    if member.type == "enum":
        return any(value == other and type(value) is type(other) for other in member.values)
    if member.type == ANYTHING:
        return True
    as_schema = _of_value(value)
    if as_schema["type"] != member.type and (as_schema["type"], member.type) != ("integer", "number"):
        return False
    if "pattern" in member.schema:
        if not _is_like(str(value), member.get("pattern")):
            return False
        as_schema["pattern"] = member.get("pattern")
    return not any(scalar_refusals(Node(as_schema, {}), member, ""))


def _of_value(value: Any) -> dict[str, Any]:
    match value:
        case None:
            return {"type": "null"}
        case bool():
            return {"type": "boolean"}
        case int() | float():
            kind = "integer" if isinstance(value, int) else "number"
            return {"type": kind, "minimum": value, "maximum": value}
        case str():
            return {"type": "string", "minLength": len(value), "maxLength": len(value)}
        case _:
            return {"type": "no scalar"}


def _is_like(text: str, pattern: str) -> bool:
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return False  # the engine that reads messages knows others


def _form_is_read(sent: str | None, read: str | None) -> bool:
    return read in _NO_FORM or sent == read or sent in _WIDER.get(str(read), ())


# -- numbers ------------------------------------------------------------------------------


def _is_out_of_bounds(sent: Node, read: Node) -> bool:
    if read.type == "string" and read.get("format") != "decimal":
        return False
    low, high = _low(read), _high(read)
    if low is not None and ((sent_low := _low(sent)) is None or sent_low < low):
        return True
    if high is not None and ((sent_high := _high(sent)) is None or sent_high > high):
        return True
    step = read.get("multipleOf")
    return step is not None and not _is_multiple(sent, Decimal(str(step)))


Bound = tuple[Decimal, int]
"""A bound, and whether it is just above (1) or just below (-1) it, so that bounds can be compared."""


def _low(node: Node) -> Bound | None:
    bounds: list[Bound] = []
    if (least := node.get("minimum")) is not None:
        bounds.append((Decimal(str(least)), 0))
    if (above := node.get("exclusiveMinimum")) is not None:
        bound = Decimal(str(above))
        bounds.append((bound // 1 + 1, 0) if node.type == "integer" and bound == bound // 1 else (bound, 1))
    return max(bounds, default=None)


def _high(node: Node) -> Bound | None:
    bounds: list[Bound] = []
    if (most := node.get("maximum")) is not None:
        bounds.append((Decimal(str(most)), 0))
    if (below := node.get("exclusiveMaximum")) is not None:
        bound = Decimal(str(below))
        bounds.append((bound - 1, 0) if node.type == "integer" and bound == bound // 1 else (bound, -1))
    return min(bounds, default=None)


def _is_multiple(sent: Node, step: Decimal) -> bool:
    if (own := sent.get("multipleOf")) is not None:
        return Decimal(str(own)) % step == 0
    if sent.get("minimum") is not None and sent.get("minimum") == sent.get("maximum"):
        return Decimal(str(sent.get("minimum"))) % step == 0
    return sent.type == "integer" and 1 % step == 0


def _digits_do_not_fit(sent: Node, read: Node) -> bool:
    """Compare the constraints JSON Schema has no word for. Only digits have an order; others must be the same."""
    given, wanted = sent.get(LIMITS, {}), dict(read.get(LIMITS, {}))
    if not any(name in read.schema for name in ("minLength", "maxLength", "pattern")):
        wanted = {name: value for name, value in wanted.items() if name not in _MAKES_SHORTER}
    for name in _DIGITS:
        if name in wanted and (name not in given or given[name] > wanted[name]):
            return True
    if _whole_digits(wanted) < _whole_digits(given):
        return True
    return any(
        given.get(name) != value for name, value in wanted.items() if name not in ("max_digits", "decimal_places")
    )


def _whole_digits(limits: Mapping[str, Any]) -> float:
    if "max_digits" not in limits:
        return float("inf")
    return float(limits["max_digits"] - limits.get("decimal_places", 0))


# -- texts --------------------------------------------------------------------------------


def _is_out_of_length(sent: Node, read: Node) -> bool:
    if sent.get("minLength", 0) < read.get("minLength", 0):
        return True
    if sent.get("maxLength", float("inf")) > read.get("maxLength", float("inf")):
        return True
    return "pattern" in read.schema and sent.get("pattern") != read.get("pattern")


def _told(node: Node) -> str:
    limits = ", ".join(f"{name}={value}" for name, value in node.get(LIMITS, {}).items())
    return f"{node}, {limits}" if limits else str(node)
