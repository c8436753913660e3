"""Changes that break no reading and still mean something: defaults, fields nobody reads any more, renamed ones.

Not here: what breaks (`compare.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from warren.contracts.evolution.nodes import Node

__all__ = ["Note", "notes", "renamed"]


@dataclass(frozen=True, slots=True)
class Note:
    """One such change."""

    field: str
    change: str
    advice: str


def notes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Note]:
    """Return what is worth knowing about a change from `old` to `new`, as both are read."""
    found = (_notes(path, before, after) for path, before, after in _pairs(Node.of(old), Node.of(new), "", frozenset()))
    return list({note: None for some in found for note in some})


def renamed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, str]:
    """Return fields that look renamed: the new path of each, and its old name."""
    found: dict[str, str] = {}
    for path, before, after in _pairs(Node.of(old), Node.of(new), "", frozenset()):
        for new_name, old_name in _renamed(before, after).items():
            found[_joined(path, new_name)] = old_name
    return found


def _notes(path: str, old: Node, new: Node) -> Iterator[Note]:
    was_renamed = {old_name: new_name for new_name, old_name in _renamed(old, new).items()}
    known = _known(new)
    for name, schema in old.properties.items():
        where = _joined(path, name)
        if name not in known:
            if new.get("additionalProperties") is False:
                continue  # which breaks
            hint = _read_as(was_renamed[name], name) if name in was_renamed else "check that nobody needs it"
            yield Note(where, "removed: what producers send in it is ignored", hint)
        elif name in new.properties and _default(schema) != _default(new.properties[name]):
            change = f"default {_default(schema)} → {_default(new.properties[name])}"
            yield Note(where, change, "messages of plain producers that leave it out are read otherwise than before")


def _read_as(new_name: str, old_name: str) -> str:
    return f'if it is {new_name} now, read both: Field(validation_alias=AliasChoices("{new_name}", "{old_name}"))'


def _default(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else "none"


def _renamed(old: Node, new: Node) -> dict[str, str]:
    """Return new name and old name where one field of a type went and one of the same type came."""
    gone = {name: str(old.at(schema)) for name, schema in old.properties.items() if name not in _known(new)}
    come = {name: str(new.at(schema)) for name, schema in new.properties.items() if name not in _known(old)}
    alone = {kind for kind in come.values() if [*come.values()].count(kind) == [*gone.values()].count(kind) == 1}
    by_kind = {kind: name for name, kind in gone.items()}
    return {name: by_kind[kind] for name, kind in come.items() if kind in alone}


def _known(node: Node) -> frozenset[str]:
    return frozenset().union(*(node.names_of(name) for name in node.properties))


def _pairs(old: Node, new: Node, path: str, seen: frozenset[Any]) -> Iterator[tuple[str, Node, Node]]:
    """Yield path and both sides of every object that is in both, through lists and what may be null."""
    before, after = _only(old), _only(new)
    if before is None or after is None or before.type != after.type:
        return
    pair = (before.key, after.key)
    if None not in pair and pair in seen:
        return
    if before.type == "array":
        items = before.at(before.get("items", {})), after.at(after.get("items", {}))
        yield from _pairs(*items, f"{path}[]", seen)
    elif before.type == "object":
        yield path, before, after
        for name in before.properties.keys() & after.properties.keys():
            inner = before.at(before.properties[name]), after.at(after.properties[name])
            yield from _pairs(*inner, _joined(path, name), seen | {pair})


def _only(node: Node) -> Node | None:
    members = [member for member in node.members() if member.type != "null"]
    return members[0] if len(members) == 1 else None


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
