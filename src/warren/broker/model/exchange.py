"""What all exchanges have in common, and the one every queue is bound to by its name.

Not here: the types (`direct.py`, `topic.py`, …), and how a message goes through several exchanges (`router.py`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from warren.broker.protocol.fields import type_name
from warren.broker.replies import precondition_failed

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.message import Message
    from warren.broker.model.receiver import Receiver

__all__ = ["ALTERNATE", "Exchange", "Target"]

ALTERNATE = "alternate-exchange"

Target: TypeAlias = "Receiver | Exchange"
"""Where a message goes from an exchange."""


class Exchange(ABC):
    """One exchange of a virtual host. Subclasses say which bindings a message passes."""

    TYPE: ClassVar[str]

    __slots__ = (
        "alternate",
        "arguments",
        "auto_delete",
        "durable",
        "exchanges_bound",
        "internal",
        "is_keyed",
        "name",
        "published_in",
        "published_out",
        "vhost",
    )

    def __init__(
        self,
        name: str,
        vhost: str,
        *,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.vhost = vhost
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self.arguments = dict(arguments or {})
        self.is_keyed = True  # the routing key alone decides, so that a route may be kept
        self.exchanges_bound = 0  # bindings that lead from here to an exchange
        self.alternate: str | None = None
        self.published_in = 0  # messages since the node started
        self.published_out = 0  # the same, once for each queue they went to
        self.check_arguments()
        self.apply_policy(None)

    def __repr__(self) -> str:
        return f"<Exchange {self.name!r} {self.type}>"

    @property
    def type(self) -> str:
        return self.TYPE

    # -- settings --------------------------------------------------------------------------

    def check_arguments(self) -> None:
        """Raise `ChannelClosed` (406) for arguments that RabbitMQ refuses."""
        alternate = self.arguments.get(ALTERNATE, "")
        if not isinstance(alternate, str):
            raise precondition_failed(
                f"invalid type '{type_name(alternate)}' for arg '{ALTERNATE}' in {self.described}"
            )

    def apply_policy(self, definition: Mapping[str, Any] | None) -> None:
        """Act on the policy that applies now, if any: an argument goes before it."""
        self.alternate = self.arguments.get(ALTERNATE, (definition or {}).get(ALTERNATE))

    @property
    def described(self) -> str:
        """How replies name it."""
        return f"exchange '{self.name}' in vhost '{self.vhost}'"

    # -- bindings --------------------------------------------------------------------------

    def check_binding(self, routing_key: str, arguments: Mapping[str, Any]) -> None:  # noqa: B027 - most refuse none
        """Raise `ChannelClosed` (406) for a binding that this type refuses."""

    @abstractmethod
    def bind(self, binding: Binding) -> None:
        """Take in a new binding from here."""

    @abstractmethod
    def unbind(self, binding: Binding) -> None:
        """Drop a binding from here."""

    # -- routing ---------------------------------------------------------------------------

    @abstractmethod
    def match(self, keys: Sequence[str], message: Message) -> Collection[Target]:
        """Return where a message with these routing keys goes from here: a sized thing, maybe with repetitions.

        The first key is the message's own, further ones come from its CC and BCC headers.
        """
