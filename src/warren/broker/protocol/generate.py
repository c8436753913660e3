"""Writes `methods.py` from the table in `spec.py`: `python -m warren.broker.protocol.generate`.

Not here: the table, nor anything the running broker needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from warren.broker.protocol.spec import METHODS, Argument, Domain, Layout

__all__ = ["TARGET", "render"]

TARGET: Final = Path(__file__).with_name("methods.py")

_HEAD: Final = '''\
"""Every AMQP 0-9-1 method as a class. Generated from `spec.py` by `python -m warren.broker.protocol.generate`.

Not here: anything written by hand; what all methods share is in `arguments.py`.
"""

# ruff: noqa: A001, A002, RUF023  # AMQP calls an argument `type`; slots are in the order of the wire

from __future__ import annotations

from typing import Final

from warren.broker.model.message import Address, short_string
from warren.broker.protocol.arguments import Method, address, bits, end, long_string, read_long, read_short, text
from warren.broker.protocol.fields import FieldValue, decode_fields, encode_table
'''

_UNUSED: Final = {
    Domain.UNUSED_SHORT: 2,
    Domain.UNUSED_SHORTSTR: 1,
    Domain.UNUSED_LONGSTR: 4,
}
_BITS: Final = (Domain.BIT, Domain.UNUSED_BIT)
_WIDTHS: Final = {Domain.OCTET: 1, Domain.SHORT: 2, Domain.LONG: 4, Domain.LONGLONG: 8}
_TYPES: Final = {
    Domain.BIT: ("bool", "False"),
    **dict.fromkeys(_WIDTHS, ("int", "0")),
    Domain.SHORTSTR: ("str", '""'),
    Domain.LONGSTR: ("bytes", 'b""'),
    Domain.TEXT: ("str", '""'),
    Domain.TABLE: ("dict[str, FieldValue]", "{}"),
    Domain.ADDRESS: ("Address", "NOWHERE"),
}


def class_name(layout: Layout) -> str:
    return "".join(word.capitalize() for word in layout.name.replace(".", "-").split("-"))


def render() -> str:
    """Return the text of `methods.py`."""
    names = sorted(["Method", *map(class_name, METHODS)])
    exported = "\n".join(f'    "{name}",' for name in ["METHODS", *names])
    classes = "\n\n\n".join("\n".join(_class(layout)) for layout in METHODS)
    table = "\n".join(f"    {class_name(layout)}.IDS: {class_name(layout)}," for layout in METHODS)
    return (
        f"{_HEAD}\n__all__ = [\n{exported}\n]\n\n"
        f'NOWHERE: Final = Address("", "")\n\n\n{classes}\n\n\n'
        f"METHODS: Final[dict[bytes, type[Method]]] = {{\n{table}\n}}\n"
    )


def _class(layout: Layout) -> Iterator[str]:
    name = class_name(layout)
    used = [argument for argument in layout.arguments if argument.domain in _TYPES]
    ids = layout.class_id.to_bytes(2, "big") + layout.method_id.to_bytes(2, "big")
    slots = "".join(f'"{argument.name}", ' for argument in used)
    yield f"class {name}(Method):"
    yield f"    __slots__ = ({slots.rstrip(' ' if len(used) == 1 else ' ,')})"
    yield f"    CLASS_ID = {layout.class_id}"
    yield f"    METHOD_ID = {layout.method_id}"
    yield f'    NAME = "{layout.name}"'
    yield f'    IDS = b"{_escaped(ids)}"'
    if used:
        yield from _init(used)
    if layout.arguments:
        yield from _encode(layout.arguments)
        yield from _decode(name, layout.arguments)


def _escaped(raw: bytes) -> str:
    return "".join(f"\\x{octet:02x}" for octet in raw)


def _init(used: list[Argument]) -> Iterator[str]:
    yield ""
    yield "    def __init__("
    yield "        self,"
    for argument in used:
        kind, default = _TYPES[argument.domain]
        if argument.domain is Domain.TABLE:
            kind, default = f"{kind} | None", "None"
        yield f"        {argument.name}: {kind} = {default},"
    yield "    ) -> None:"
    for argument in used:
        value = f"{argument.name} or {{}}" if argument.domain is Domain.TABLE else argument.name
        yield f"        self.{argument.name} = {value}"


def _groups(arguments: tuple[Argument, ...]) -> Iterator[tuple[bool, list[Argument]]]:
    """Consecutive bits together, everything else alone."""
    for are_bits, run in groupby(arguments, key=lambda argument: argument.domain in _BITS):
        if are_bits:
            yield True, list(run)
        else:
            yield from ((False, [argument]) for argument in run)


def _encode(arguments: tuple[Argument, ...]) -> Iterator[str]:
    yield ""
    yield "    def encode(self) -> bytes:"
    parts = ["self.IDS"]
    for are_bits, run in _groups(arguments):
        parts.append(_encoded_bits(run) if are_bits else _encoded(run[0]))
    line = f"        return {' + '.join(parts)}"
    if len(line) <= 120:
        yield line
        return
    yield "        return ("
    line = f"            {' + '.join(parts)}"
    if len(line) <= 120:
        yield line
        yield "        )"
        return
    yield f"            {parts[0]}"
    yield from (f"            + {part}" for part in parts[1:])
    yield "        )"


def _encoded_bits(bits: list[Argument]) -> str:
    shifted = [f"self.{bit.name}" for bit in bits if bit.domain is Domain.BIT]
    return f"bits({', '.join(shifted)})" if shifted else 'b"\\x00"'


def _encoded(argument: Argument) -> str:
    value = f"self.{argument.name}"
    if argument.domain in _UNUSED:
        return f'b"{_escaped(bytes(_UNUSED[argument.domain]))}"'
    if argument.domain in _WIDTHS:
        return f'{value}.to_bytes({_WIDTHS[argument.domain]}, "big")'
    return {
        Domain.SHORTSTR: f"short_string({value})",
        Domain.LONGSTR: f"long_string({value})",
        Domain.TEXT: f'long_string({value}.encode("utf-8", "surrogateescape"))',
        Domain.TABLE: f"encode_table({value})",
        Domain.ADDRESS: f"{value}.wire",
    }[argument.domain]


def _decode(name: str, arguments: tuple[Argument, ...]) -> Iterator[str]:
    yield ""
    yield "    @classmethod"
    yield f"    def decode(cls, payload: bytes) -> {name}:"
    yield "        at = 4"
    values = []
    for are_bits, run in _groups(arguments):
        if are_bits:
            if run[0].domain is Domain.BIT:
                yield "        flags = payload[at]"
            yield "        at += 1"
            values += [f"flags & {1 << place} != 0" for place, bit in enumerate(run) if bit.domain is Domain.BIT]
        else:
            yield from _decoded(run[0])
            values += _value(run[0])
    yield "        end(payload, at)"
    unused = [argument.name for argument in arguments if argument.domain is Domain.UNUSED_SHORTSTR]
    yield from (f"        text({name})" for name in unused)
    line = f"        return cls({', '.join(values)})"
    if len(line) <= 120:
        yield line
        return
    yield "        return cls("
    yield from (f"            {value}," for value in values)
    yield "        )"


def _value(argument: Argument) -> list[str]:
    match argument.domain:
        case domain if domain in _UNUSED:
            return []
        case Domain.SHORTSTR:
            return [f"text({argument.name})"]
        case Domain.TEXT:
            return [f'{argument.name}.decode("utf-8", "surrogateescape")']
        case Domain.TABLE:
            return [f"decode_fields({argument.name})"]
        case Domain.ADDRESS:
            return ["address(exchange, routing_key)"]
        case _:
            return [argument.name]


def _decoded(argument: Argument) -> Iterator[str]:
    match argument.domain:
        case Domain.OCTET | Domain.SHORT | Domain.LONG | Domain.LONGLONG:
            width = _WIDTHS[argument.domain]
            yield f'        {argument.name} = int.from_bytes(payload[at : at + {width}], "big")'
            yield f"        at += {width}"
        case Domain.SHORTSTR | Domain.UNUSED_SHORTSTR:
            yield f"        {argument.name}, at = read_short(payload, at)"
        case Domain.ADDRESS:
            yield "        exchange, at = read_short(payload, at)"
            yield "        routing_key, at = read_short(payload, at)"
        case Domain.LONGSTR | Domain.TEXT | Domain.TABLE:
            yield f"        {argument.name}, at = read_long(payload, at)"
        case Domain.UNUSED_SHORT:
            yield "        at += 2"
        case Domain.UNUSED_LONGSTR:
            yield '        at += 4 + int.from_bytes(payload[at : at + 4], "big")'
        case other:
            raise ValueError(f"no code for {other}")


if __name__ == "__main__":
    TARGET.write_text(render())
