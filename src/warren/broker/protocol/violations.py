"""What breaks the protocol itself, as the refusal that ends the connection.

Not here: refusals of the model (`replies.py`); where a violation is found (`inbound.py`, `decoding.py`).
"""

from __future__ import annotations

from warren.broker.replies import ConnectionClosed

__all__ = ["FrameViolation"]


class FrameViolation(ConnectionClosed):
    """Bytes that are no AMQP, or not here. The ids are those of the offending method, 0 where there is none."""

    def __init__(
        self,
        code: int,
        explanation: str,
        *,
        class_id: int = 0,
        method_id: int = 0,
        is_fatal: bool = False,
        is_answered: bool = True,
    ) -> None:
        super().__init__(code, explanation)
        self.text = self.text.removesuffix(" - ")  # RabbitMQ says of some no more than the name
        self.class_id = class_id
        self.method_id = method_id
        self.is_fatal = is_fatal  # where the next frame begins is not known: no close-ok can be read
        self.is_answered = is_answered  # RabbitMQ breaks off some connections without a connection.close
