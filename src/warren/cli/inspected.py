"""Messages and groups of messages as people read them: tables, and one message in full.

Not here: what a message tells (`operations/message.py`), or that nothing in it reaches the terminal (`terminal.py`).
"""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from warren.cli.terminal import json_line, pretty_json, printable
from warren.operations.groups import Group
from warren.signals.words import span

__all__ = ["draw_groups", "draw_messages", "write_in_full"]

_ROWS: Final = 200  # a table; rich measures all rows of one before it writes the first
_HEAD: Final = 32  # bytes of a binary body

Message = Mapping[str, Any]  # as `Described.as_json` writes it


def draw_messages(messages: Iterable[Message]) -> Iterator[str]:
    """Yield tables of messages, a line each or a few."""
    numbered = enumerate(messages, start=1)
    while rows := [_row(number, one) for number, one in islice(numbered, _ROWS)]:
        yield _table((("#", "right"), ("Message", "left"), ("Age", "right"), ("Tries", "right"), ("Why", "left")), rows)


def _row(number: int, message: Message) -> tuple[str, ...]:
    names = [message["message_id"] or "(no id)", message["type"] or "(no type)", _preview(message)]
    return (
        str(number),
        "\n".join(printable(name) for name in names),
        "" if message["age_seconds"] is None else span(message["age_seconds"]),
        str(message["attempts"]),
        printable(_why(message), lines=True),
    )


def _why(message: Message) -> str:
    dead = message["dead"]
    if dead is None:
        return _count_of_deliveries(message)
    error = ": ".join(part for part in (dead["error_type"], _first_line(dead["error"])) if part)
    return "\n".join(part for part in (dead["reason"], _shortened(error, 160), dead["fingerprint"]) if part)


def _count_of_deliveries(message: Message) -> str:
    count = message["delivery_count"]
    if count is None:
        return "redelivered" if message["redelivered"] else ""
    return f"delivered in vain {count:,} time{'s' if count != 1 else ''}"


def _preview(message: Message) -> str:
    if "body_base64" in message:
        return _binary(message)
    text = message["body_text"] if "body_text" in message else json_line(message["body"])
    return _shortened(" ".join(text[:1000].split()), 60)


def _binary(message: Message) -> str:
    head = base64.b64decode(message["body_base64"][: _HEAD * 2])[:_HEAD]
    more = " …" if message["size"] > len(head) else ""
    return f"{message['size']:,} bytes: {head.hex(' ', 4)}{more}"


# -- one message in full ----------------------------------------------------------------------


def write_in_full(number: int, message: Message) -> str:
    """Return everything a message tells, over many lines."""
    head = f"{number}  {message['message_id'] or '(no id)'}  {message['type'] or '(no type)'}"
    if message["version"] is not None:
        head += f" version {message['version']}"
    lines = [printable(head)]
    lines += [f"   {name:<12} {printable(text)}" for name, text in _facts(message) if text]
    dead = message["dead"]
    if dead is not None and dead.get("stack"):
        lines += ["   stack", *_indented(dead["stack"].rstrip())]
    headers = {name: value for name, value in message["headers"].items() if not name.startswith("x-warren-dead-")}
    for title, table in (("properties", message["properties"]), ("headers", headers)):
        if table:
            lines += [f"   {title}", *(f"     {printable(name)} = {json_line(value)}" for name, value in table.items())]
    return "\n".join([*lines, f"   body ({message['size']:,} bytes)", *_body(message), ""])


def _facts(message: Message) -> Iterator[tuple[str, str]]:
    age = message["age_seconds"]
    when = f"{message['sent_at']} ({span(age)} ago)" if age is not None else "at a time nobody noted"
    exchange, routing_key = message["exchange"] or "(default)", message["routing_key"] or "(none)"
    yield "sent", f"{when}, to exchange {exchange} with routing key {routing_key}"
    dead = message["dead"]
    if dead is None:
        yield "attempt", str(message["attempts"])
        yield "deliveries", _count_of_deliveries(message)
        return
    attempts = "" if dead["attempts"] is None else f" after attempt {dead['attempts']}"
    yield "dead", f"{dead['reason']}{attempts}"
    yield "fingerprint", dead["fingerprint"]
    yield "error", ": ".join(part for part in (dead["error_type"], dead["error"]) if part)
    yield "first failed", dead["first_failed_at"] or ""
    yield "last failed", dead["last_failed_at"] or ""
    parts = (("queue", "queue"), ("consumer", "consumer"), ("host", "host"), ("code_version", "code"))
    yield "in", ", ".join(f"{word} {dead[name]}" for name, word in parts if dead[name])
    yield "trace", dead["trace_id"]


def _body(message: Message) -> list[str]:
    if "body_base64" in message:
        raw = base64.b64decode(message["body_base64"][:1024])[:256]
        rows = [raw[at : at + 16] for at in range(0, len(raw), 16)]
        lines = [f"     {row.hex(' '):<47}  {''.join(chr(c) if 32 <= c < 127 else '.' for c in row)}" for row in rows]
        return [*lines, "     …"] if message["size"] > len(raw) else lines
    return _indented(message["body_text"] if "body_text" in message else pretty_json(message["body"]))


def _indented(text: str) -> list[str]:
    return [f"     {line}" for line in printable(text, lines=True).split("\n")]


# -- groups -----------------------------------------------------------------------------------


def draw_groups(groups: Sequence[Group], *, now: float) -> str:
    """Return a table of groups."""
    columns = (("Count", "right"), ("First", "right"), ("Last", "right"), ("Failure", "left"), ("Example", "left"))
    return _table(columns, [_group_row(group, now) for group in groups])


def _group_row(group: Group, now: float) -> tuple[str, ...]:
    dead = group.example.dead
    failure = [group.fingerprint]
    if dead is not None:
        error = ": ".join(part for part in (dead.error_type, _first_line(dead.error)) if part)
        failure += [part for part in (dead.reason, _shortened(error, 160)) if part]
    example = [group.example.message_id or "(no id)", group.example.type or "(no type)"]
    return (
        f"{group.count:,}",
        _ago(group.first_seen, now),
        _ago(group.last_seen, now),
        "\n".join(printable(one) for one in failure),
        "\n".join(printable(one) for one in example),
    )


def _ago(seconds: float | None, now: float) -> str:
    return "" if seconds is None else f"{span(max(0.0, now - seconds))} ago"


# -- text -------------------------------------------------------------------------------------


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def _shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _table(columns: Sequence[tuple[str, Any]], rows: Sequence[tuple[str, ...]]) -> str:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, justify in columns:
        table.add_column(name, justify=justify, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(markup=False, highlight=False, width=shutil.get_terminal_size((120, 24)).columns)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
