"""What a writer's schema lets through and a reader's refuses. Pure: two schemas in, refusals out.

Not here: numbers and texts (`scalars.py`), which schemas are compared for which mode (`check.py`).

It is answered for each place at once, and errs on the safe side: where it cannot tell that all that is sent is read, it
says refused. A writer is taken to send the fields its own contract has, as plain producers do: any that is not required
may be missing, and others are sent only where the contract allows them with `extra="allow"`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from warren.contracts.evolution.nodes import ANYTHING, Node
from warren.contracts.evolution.refusal import Refusal, Why
from warren.contracts.evolution.scalars import scalar_refusals, value_is_read
from warren.contracts.evolution.schemas import KEYS, VALIDATORS

__all__ = ["refusals"]

Open = frozenset[tuple[Any, ...]]
"""Pairs of definitions that are being compared further out: a recursive contract ends there."""

_NOT_COMPARED: Final = (
    *("allOf", "not", "if", "then", "else", "contains", "contentMediaType", "contentSchema", "dependentRequired"),
    *("patternProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"),
)
"""Keywords of schemas that were written by hand: they are read where they are the same."""


def refusals(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> list[Refusal]:
    """Return everything the writer may send and the reader refuses; empty where it reads all of it."""
    found = _compare(Node.of(writer), Node.of(reader), "", frozenset())
    return list(dict.fromkeys(found))


def _compare(writer: Node, reader: Node, field: str, seen: Open) -> Iterator[Refusal]:
    if reader.says_nothing:
        return
    pair = ("whole", writer.key, reader.key)
    if None not in pair:
        if pair in seen:
            return
        seen |= {pair}
    members = list(reader.members())
    for sent in writer.members():
        for refusal in _read_by_any(sent, reader, members, field, seen):
            is_whole = refusal.why is Why.TYPE and refusal.field == field
            yield replace(refusal, sent=str(writer)) if is_whole else refusal  # not only the member nobody reads


def _read_by_any(sent: Node, reader: Node, members: list[Node], field: str, seen: Open) -> Iterator[Refusal]:
    """Tell whether one of a union's members reads it; else what the closest of them refuses."""
    if sent.type == "enum" or (sent.type == "boolean" and all(member.type == "enum" for member in members)):
        yield from _values(sent, reader, members, field)
        return
    closest: list[Refusal] | None = None
    for member in members:
        if not _may_fit(sent, member) or (len(members) > 1 and _is_told_apart(sent, member)):
            continue
        found = list(_compare_members(sent, member, field, seen))
        if not found:
            return
        if closest is None or (sent.name is not None and sent.name == member.name) or len(found) < len(closest):
            closest = found
    yield from closest or [Refusal(field, Why.TYPE, str(sent), str(reader))]


def _may_fit(sent: Node, read: Node) -> bool:
    if sent.type == read.type or read.type == ANYTHING:
        return True
    if read.type == "enum":
        return False
    return sent.type == "integer" and read.type == "number"


def _is_told_apart(sent: Node, member: Node) -> bool:
    """Tell whether a field like `kind` says that these two are different things."""
    for name in sent.properties.keys() & member.properties.keys():
        one, other = sent.at(sent.properties[name]), member.at(member.properties[name])
        if one.type == other.type == "enum" and not any(value in other.values for value in one.values):
            return True
    return False


def _values(sent: Node, reader: Node, members: list[Node], field: str) -> Iterator[Refusal]:
    values = [True, False] if sent.type == "boolean" else sent.values
    refused = [value for value in values if not any(value_is_read(value, sent, member) for member in members)]
    if refused:
        has_values = any(member.type == "enum" for member in members)
        why = Why.VALUES if has_values else Why.TYPE
        yield Refusal(field, why, str(sent.at({"enum": refused})), str(reader))


def _compare_members(sent: Node, read: Node, field: str, seen: Open) -> Iterator[Refusal]:
    pair = ("member", sent.key, read.key)
    if None not in pair:
        if pair in seen:
            return
        seen |= {pair}
    yield from _functions(sent, read, field)
    if any(keyword in read.schema and read.get(keyword) != sent.get(keyword) for keyword in _NOT_COMPARED):
        yield Refusal(field, Why.TYPE, str(sent), str(read))
    match read.type:
        case "object":
            yield from _objects(sent, read, field, seen)
        case "array":
            yield from _arrays(sent, read, field, seen)
        case _:
            yield from scalar_refusals(sent, read, field)


def _functions(sent: Node, read: Node, field: str) -> Iterator[Refusal]:
    added = [name for name in read.get(VALIDATORS, ()) if name not in sent.get(VALIDATORS, ())]
    if added:
        yield Refusal(field, Why.VALIDATOR, "no such validator", f"validated by {', '.join(added)}")


# -- objects ------------------------------------------------------------------------------


def _objects(sent: Node, read: Node, field: str, seen: Open) -> Iterator[Refusal]:
    others_read = read.get("additionalProperties", True)
    known: set[str] = set()
    for name, schema in read.properties.items():
        names = read.names_of(name)
        known |= names
        yield from _field(sent, read.at(schema), names, name, field, seen, is_required=name in read.required)
    for name, schema in sent.properties.items():
        for each in sorted(sent.names_of(name) - known):
            where = _joined(field, each)
            if others_read is False:
                yield Refusal(where, Why.UNKNOWN, str(sent.at(schema)), "unknown fields are forbidden")
            elif others_read is not True:
                yield from _compare(sent.at(schema), read.at(others_read), where, seen)
    yield from _others(sent, read, field, seen)


def _field(
    sent: Node, read: Node, names: frozenset[str], name: str, field: str, seen: Open, *, is_required: bool
) -> Iterator[Refusal]:
    """Compare one field of the reader with whatever of the writer's may come under its names."""
    where = _joined(field, name)
    is_there = False
    for other, schema in sent.properties.items():
        if names & sent.names_of(other):
            is_there = is_there or (other in sent.required and sent.names_of(other) <= names)
            yield from _compare(sent.at(schema), read, where, seen)
    others = sent.get("additionalProperties", False)
    if others is not False and not names & set(sent.properties):
        yield from _compare(sent.at(others), read, where, seen)
    if is_required and not is_there:
        known = [other for other in sent.properties if names & sent.names_of(other)]
        yield Refusal(where, Why.MISSING, "optional" if known else "absent", "required")


def _others(sent: Node, read: Node, field: str, seen: Open) -> Iterator[Refusal]:
    """Compare what dictionaries hold, and what a contract lets through beside its fields."""
    others_sent = sent.get("additionalProperties", False)
    others_read = read.get("additionalProperties", True)
    if others_sent is not False:
        where = f"{field}.*" if field else "*"
        if others_read is False:
            yield Refusal(where, Why.UNKNOWN, "any field", "unknown fields are forbidden")
        elif others_read is not True:
            yield from _compare(sent.at(others_sent), read.at(others_read), where, seen)
    if KEYS in read.schema:
        yield from _keys(sent, read, field)
    least = max(len(sent.required), sent.get("minProperties", 0))
    open_ended = float("inf") if others_sent is not False else len(sent.properties)
    most = min(open_ended, sent.get("maxProperties", float("inf")))
    if least < read.get("minProperties", 0) or most > read.get("maxProperties", float("inf")):
        yield Refusal(field, Why.LIMIT, str(sent), str(read))


def _keys(sent: Node, read: Node, field: str) -> Iterator[Refusal]:
    keys, wanted = sent.get(KEYS), read.get(KEYS)
    read_keys = read.at(wanted)
    refused = list(_compare(sent.at({"enum": sorted(sent.properties)}), read_keys, field, frozenset()))
    if sent.get("additionalProperties", False) is not False:
        refused += _compare(sent.at(keys if keys is not None else {"type": "string"}), read_keys, field, frozenset())
    if refused:
        sent_keys = sent.at(keys) if keys is not None else "text"
        yield Refusal(field, Why.KEYS, f"keys: {sent_keys}", f"keys: {read_keys}")


def _joined(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


# -- arrays -------------------------------------------------------------------------------


def _arrays(sent: Node, read: Node, field: str, seen: Open) -> Iterator[Refusal]:
    sent_first, read_first = sent.get("prefixItems", ()), read.get("prefixItems", ())
    most = sent.get("maxItems", float("inf"))
    for number in range(max(len(sent_first), len(read_first))):
        if number < most:
            yield from _compare(_item(sent, number), _item(read, number), f"{field}[{number}]", seen)
    if most > max(len(sent_first), len(read_first)):
        yield from _compare(sent.at(sent.get("items", {})), read.at(read.get("items", {})), f"{field}[]", seen)
    # A set counts what is left without duplicates.
    drops = read.get("uniqueItems", False) and not sent.get("uniqueItems", False)
    least = min(sent.get("minItems", 0), 1) if drops else sent.get("minItems", 0)
    if least < read.get("minItems", 0) or most > read.get("maxItems", float("inf")):
        yield Refusal(field, Why.LIMIT, str(sent), str(read))


def _item(node: Node, number: int) -> Node:
    first = node.get("prefixItems", ())
    return node.at(first[number] if number < len(first) else node.get("items", {}))
