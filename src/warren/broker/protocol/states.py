"""Which methods a client may send, by the state of the connection and of the channel.

Not here: what the methods do (the session), the order of frames within one content (`assembly.py`).

Theory of operation. A connection goes through `State` from top to bottom. Until it is OPENING the client is a stranger:
RabbitMQ drops it without a word (after three seconds) for anything but what it waits for. From OPENING on, a wrong
method on channel 0 is a channel error of the connection. Other channels exist only while it is RUNNING; the first
method on one has to be channel.open, and then any but that, if clients may send it at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

from warren.broker.protocol import methods as m
from warren.broker.protocol.commands import Acks, ContentTooLarge
from warren.broker.protocol.violations import FrameViolation

__all__ = ["CHANNEL", "CONNECTION", "STRANGERS", "State", "check_channel", "check_connection"]


class State(Enum):
    """Where a connection is in its life. The values are RabbitMQ's words in replies."""

    PROTOCOL_HEADER = "handshake"  # nothing heard yet
    STARTING = "starting"  # connection.start sent
    SECURING = "securing"  # connection.secure sent
    TUNING = "tuning"  # connection.tune sent
    OPENING = "opening"  # tuned
    RUNNING = "running"
    CLOSING = "closing"  # connection.close sent
    CLOSED = "closed"  # to be disconnected once what is left to write is written


CONNECTION: Final[Mapping[State, frozenset[type[m.Method]]]] = {
    State.PROTOCOL_HEADER: frozenset(),
    State.STARTING: frozenset({m.ConnectionStartOk}),
    State.SECURING: frozenset({m.ConnectionSecureOk}),
    State.TUNING: frozenset({m.ConnectionTuneOk}),
    State.OPENING: frozenset({m.ConnectionOpen}),
    State.RUNNING: frozenset({m.ConnectionClose, m.ConnectionUpdateSecret}),
    State.CLOSING: frozenset({m.ConnectionClose, m.ConnectionCloseOk}),
    State.CLOSED: frozenset(),
}
"""What a client may send on channel 0."""

STRANGERS: Final = (State.PROTOCOL_HEADER, State.STARTING, State.SECURING, State.TUNING)

CHANNEL: Final = frozenset(
    {
        *(m.ChannelClose, m.ChannelFlow, m.AccessRequest),
        *(m.ExchangeDeclare, m.ExchangeDelete, m.ExchangeBind, m.ExchangeUnbind),
        *(m.QueueDeclare, m.QueueBind, m.QueuePurge, m.QueueDelete, m.QueueUnbind),
        *(m.BasicQos, m.BasicConsume, m.BasicCancel, m.BasicPublish, m.BasicGet),
        *(m.BasicAck, Acks, ContentTooLarge, m.BasicReject, m.BasicNack, m.BasicRecover, m.BasicRecoverAsync),
        *(m.ConfirmSelect, m.TxSelect, m.TxCommit, m.TxRollback),
    }
)
"""What a client may send on an open channel."""


def check_connection(state: State, method: m.Method) -> None:
    """Refuse what may not come on channel 0 now. Raises FrameViolation."""
    if type(method) not in CONNECTION[state]:
        refusal = _refusal(504, f"unexpected method in connection state {state.value}", method)
        refusal.is_answered = state not in STRANGERS
        raise refusal


def check_channel(method: m.Method, *, is_open: bool) -> None:
    """Refuse what may not come on a channel now. Raises FrameViolation, which ends the connection, as in RabbitMQ."""
    if isinstance(method, m.ChannelOpen):
        if is_open:
            raise _refusal(504, "second 'channel.open' seen", method)
    elif not is_open:
        raise _refusal(504, "expected 'channel.open'", method)
    elif type(method) not in CHANNEL:
        raise _refusal(503, "unimplemented method", method)


def _refusal(code: int, explanation: str, method: m.Method) -> FrameViolation:
    return FrameViolation(code, explanation, class_id=method.CLASS_ID, method_id=method.METHOD_ID)
