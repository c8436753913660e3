"""An AsyncAPI document as one HTML page, complete in itself: no script, no font, nothing that is fetched.

Not here: the document (`document.py`), or schemas as rows (`fields.py`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from warren.asyncapi.fields import rows_of

__all__ = ["page_of"]

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --paper: #fff; --line: #d8dee4; --code: #f3f5f7;
  --send: #0a6b3d; --receive: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa4af; --paper: #0f1318; --line: #30363d;
  --code: #1a2028; --send: #5fd39a; --receive: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 16px/1.55 system-ui, sans-serif; }
h1 { margin-bottom: 0; } h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2rem 0 .25rem; overflow-wrap: anywhere; } h4 { margin: 1.25rem 0 .25rem; }
p { margin: .4rem 0; white-space: pre-line; } .soft { color: var(--soft); }
a { color: var(--receive); } nav ul { columns: 16rem; padding-left: 1.2rem; }
code, pre { font: .875em/1.5 ui-monospace, monospace; background: var(--code); border-radius: 4px; }
code { padding: .1em .3em; overflow-wrap: anywhere; } pre { padding: .75rem 1rem; overflow-x: auto; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .94em; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } summary { cursor: pointer; margin: .5rem 0; }
.send, .receive { font-weight: 700; } .send { color: var(--send); } .receive { color: var(--receive); }
""".strip()


def page_of(document: Mapping[str, Any]) -> str:
    """Draw the page. Everything of the document's is escaped."""
    return "\n".join(_page(document)) + "\n"


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(info['title'])}: messages</title>"
    yield f"<style>{_STYLE}</style></head><body><main>"
    yield f"<h1>{escape(info['title'])}</h1>"
    yield f'<p class="soft">version {escape(info["version"])} · AsyncAPI {escape(document["asyncapi"])}</p>'
    if "description" in info:
        yield f"<p>{escape(info['description'])}</p>"
    yield from _contents(document)
    yield from _servers(document.get("servers", {}))
    yield "<h2>Operations</h2>"
    for name, operation in document["operations"].items():
        yield from _operation(name, operation, document["channels"])
    yield "<h2>Messages</h2>"
    for name, message in document["components"]["messages"].items():
        yield from _message(name, message, document["components"]["schemas"])
    yield "</main></body></html>"


def _contents(document: Mapping[str, Any]) -> Iterator[str]:
    yield "<nav><ul>"
    for name in document["operations"]:
        yield f"<li>{_link('operation', name)}</li>"
    for name in document["components"]["messages"]:
        yield f"<li>{_link('message', name)}</li>"
    yield "</ul></nav>"


def _link(kind: str, name: str) -> str:
    return f'<a href="#{kind}-{escape(name)}">{escape(name)}</a>'


def _servers(servers: Mapping[str, Any]) -> Iterator[str]:
    if servers:
        yield "<h2>Broker</h2>"
        rows = [
            (_code(one["host"]), f"{escape(one['protocol'])} {escape(one['protocolVersion'])}", _code(one["pathname"]))
            for one in servers.values()
        ]
        yield _table(("host", "protocol", "virtual host"), rows)


def _operation(name: str, operation: Mapping[str, Any], channels: Mapping[str, Any]) -> Iterator[str]:
    channel = channels[_last(operation["channel"])]
    binding = channel["bindings"]["amqp"]
    action = operation["action"]
    yield f'<h3 id="operation-{escape(name)}"><span class="{escape(action)}">{escape(action)}</span> '
    yield f"{escape(name)}</h3>"
    if "summary" in operation:
        yield f"<p>{escape(operation['summary'])}</p>"
    rows = list(_way(binding, channel))
    if "x-retry" in operation:
        rows += _settling(operation)
    rows.append(("messages", ", ".join(_link("message", _last(each)) for each in operation["messages"])))
    yield _table(("", ""), rows)


def _way(binding: Mapping[str, Any], channel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tell where an operation's messages go to, or come from."""
    if binding["is"] == "queue":
        yield "queue", _code(binding["queue"]["name"])
        for name, value in channel.get("x-queue-arguments", {}).items():
            yield "", f"{_code(name)} {_code(_json(value))}"
        for bound in channel.get("x-queue-bindings", ()):
            wanted = bound.get("routingKey", bound.get("arguments"))
            yield "bound to", f"{_code(bound['exchange'])} ({escape(bound['exchangeType'])}) {_code(_json(wanted))}"
    else:
        exchange = binding["exchange"]
        known = f"{_code(exchange['name'])} ({escape(exchange.get('type', 'type not known'))})"
        yield "exchange", known if exchange["name"] else "the default exchange"
        if channel.get("address"):
            yield "routing key", _code(channel["address"])


def _settling(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    retry = operation["x-retry"]
    delays = ", ".join(retry["delays"]) or "none"
    yield "attempts", f"{retry['attempts']}, with delays of {escape(delays)}"
    yield "dead letters", _code(operation["x-dead-letter-queue"])
    if "x-also-reads" in operation:
        yield "also reads", ", ".join(map(_code, operation["x-also-reads"]))
    if operation["x-idempotent"]:
        yield "duplicates", "absorbed"


def _message(name: str, message: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[str]:
    yield f'<h3 id="message-{escape(name)}">{escape(name)}</h3>'
    known = f"{escape(message['title'])}, type {_code(message['name'])}, {_code(message['contentType'])}"
    yield f'<p class="soft">{known}</p>'
    if "description" in message:
        yield f"<p>{escape(message['description'])}</p>"
    for title, part in (("Body", "payload"), ("Headers", "headers")):
        rows = [
            (
                _code(row.path),
                escape(row.type),
                "yes" if row.is_required else "no",
                "<br>".join(map(escape, (*row.limits, row.description) if row.description else row.limits)),
            )
            for row in rows_of(message[part], schemas)
        ]
        yield f"<h4>{title}</h4>"
        yield _table(("field", "type", "required", ""), rows)
    for example in message.get("examples", ()):
        yield f"<h4>Example</h4><pre>{escape(_json(example['payload'], indent=2))}</pre>"
    whole = {word: message[word] for word in ("payload", "headers")}
    yield f"<details><summary>JSON Schema</summary><pre>{escape(_json(whole, indent=2))}</pre></details>"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Draw a table; cells are HTML already."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns) if any(columns) else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _last(reference: Mapping[str, str]) -> str:
    return reference["$ref"].rpartition("/")[2]


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _json(value: Any, *, indent: int | None = None) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=indent, default=str)
