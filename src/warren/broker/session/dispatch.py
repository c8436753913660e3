"""Which function carries out which method on a channel, one table per AMQP class.

Not here: the functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from warren.broker.protocol.methods import Method
from warren.broker.session import basic, exchanges, modes, queues

__all__ = ["HANDLERS"]

HANDLERS: Final[Mapping[type[Method], Callable[..., None]]] = {
    **modes.HANDLERS,
    **exchanges.HANDLERS,
    **queues.HANDLERS,
    **basic.HANDLERS,
}
