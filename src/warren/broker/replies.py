"""How the broker refuses: the reply codes of AMQP as exceptions, with the text RabbitMQ gives.

Not here: the methods that carry them to the client (`session.py`).

    Closed
    ├── ChannelClosed       the channel ends, the connection goes on
    └── ConnectionClosed    the connection ends
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "NAMES",
    "ChannelClosed",
    "Closed",
    "ConnectionClosed",
    "access_refused",
    "channel_error",
    "command_invalid",
    "frame_error",
    "internal_error",
    "invalid_path",
    "not_allowed",
    "not_found",
    "not_implemented",
    "precondition_failed",
    "resource_error",
    "resource_locked",
    "syntax_error",
    "unexpected_frame",
]

NAMES: Final = {
    311: "CONTENT_TOO_LARGE",
    312: "NO_ROUTE",
    313: "NO_CONSUMERS",
    320: "CONNECTION_FORCED",
    402: "INVALID_PATH",
    403: "ACCESS_REFUSED",
    404: "NOT_FOUND",
    405: "RESOURCE_LOCKED",
    406: "PRECONDITION_FAILED",
    501: "FRAME_ERROR",
    502: "SYNTAX_ERROR",
    503: "COMMAND_INVALID",
    504: "CHANNEL_ERROR",
    505: "UNEXPECTED_FRAME",
    506: "RESOURCE_ERROR",
    530: "NOT_ALLOWED",
    540: "NOT_IMPLEMENTED",
    541: "INTERNAL_ERROR",
}
"""The names RabbitMQ puts in front of the explanation."""


_LONGEST: Final = 255
"""Bytes of a reply text, a short string."""


def _short(text: str) -> str:
    """Cut a reply text as RabbitMQ does; octets that are no UTF-8 show as Latin-1."""
    if not text.isascii():
        text = "".join(chr(ord(letter) - 0xDC00) if "\udc80" <= letter <= "\udcff" else letter for letter in text)
    raw = text.encode()
    if len(raw) <= _LONGEST:
        return text
    return raw[: _LONGEST - 3].decode(errors="ignore") + "..."


class Closed(Exception):
    """A refusal that ends a channel or a connection. `text` is the name of the code and the explanation."""

    def __init__(self, code: int, explanation: str) -> None:
        self.code = code
        self.explanation = explanation
        self.text = _short(f"{NAMES[code]} - {explanation}")
        super().__init__(self.text)


class ChannelClosed(Closed):
    """The channel ends; its connection goes on."""


class ConnectionClosed(Closed):
    """The connection ends, with all its channels."""


# -- the channel ends ---------------------------------------------------------------------


def access_refused(explanation: str) -> ChannelClosed:
    return ChannelClosed(403, explanation)


def not_found(explanation: str) -> ChannelClosed:
    return ChannelClosed(404, explanation)


def resource_locked(explanation: str) -> ChannelClosed:
    return ChannelClosed(405, explanation)


def precondition_failed(explanation: str) -> ChannelClosed:
    return ChannelClosed(406, explanation)


# -- the connection ends ------------------------------------------------------------------


def invalid_path(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(402, explanation)


def frame_error(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(501, explanation)


def syntax_error(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(502, explanation)


def command_invalid(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(503, explanation)


def channel_error(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(504, explanation)


def unexpected_frame(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(505, explanation)


def resource_error(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(506, explanation)


def not_allowed(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(530, explanation)


def not_implemented(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(540, explanation)


def internal_error(explanation: str) -> ConnectionClosed:
    return ConnectionClosed(541, explanation)
