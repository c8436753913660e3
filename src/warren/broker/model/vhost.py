"""A virtual host: its exchanges, queues, bindings and policies, and how they come and go.

Not here: who may do what (`session/`), how messages get to queues (`publishing.py`, `router.py`), what these do then.

What is durable is told to storage when it changes, and comes back through `restore`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from warren.broker.model import definitions
from warren.broker.model.arguments import check_declaration, check_equivalent
from warren.broker.model.bindings import Binding, Bindings, Kind
from warren.broker.model.declaration import (
    check_deletion,
    check_equivalent_exchange,
    check_not_default,
    check_queue_limit,
    locked,
    with_default_type,
)
from warren.broker.model.delayed import DelayedExchange, WaitingRoom
from warren.broker.model.direct import DefaultExchange
from warren.broker.model.exchange import Exchange, Target
from warren.broker.model.exchange_types import check_type, make_exchange
from warren.broker.model.message import Message
from warren.broker.model.names import RESERVED, generated_queue_name
from warren.broker.model.policy import Policies, Policy
from warren.broker.model.publishing import REJECTED, UNROUTABLE, Publishing
from warren.broker.model.queue import Queue
from warren.broker.model.router import Router
from warren.broker.replies import access_refused, not_found, precondition_failed
from warren.broker.statistics import queue_counters

if TYPE_CHECKING:
    from warren.broker.model.dead_letter import DeadLetter
    from warren.broker.model.receiver import Receiver
    from warren.broker.node import Node

__all__ = ["REJECTED", "UNROUTABLE", "VirtualHost"]

_PREDECLARED: Final = (
    ("amq.direct", "direct", False),
    ("amq.fanout", "fanout", False),
    ("amq.headers", "headers", False),
    ("amq.match", "headers", False),
    ("amq.rabbitmq.trace", "topic", True),
    ("amq.topic", "topic", False),
)
"""Name, type and whether it is internal. Nothing is ever published to the trace exchange: there is no tracing."""


class VirtualHost:
    """One name space of exchanges and queues."""

    def __init__(self, name: str, node: Node) -> None:
        self.name = name
        self.node = node
        self.queues: dict[str, Queue] = {}
        self.exchanges: dict[str, Exchange] = {"": DefaultExchange(name, self.queues)}
        self.bindings = Bindings()
        self.policies = Policies()
        self.dead_letters: deque[DeadLetter] = deque()
        self.past: Counter[str] = Counter()  # what queues and channels that are gone had counted
        self.version = 0  # grows whenever an exchange comes or goes
        self._router = Router(self.exchanges, node.reply_to)
        self.publishing: Final = Publishing(self._router, node.storage)
        self.publish: Final[Callable[[Message], int]] = self.publishing.publish
        for exchange, kind, internal in _PREDECLARED:
            self.add_exchange(exchange, kind, durable=True, internal=internal)

    def __repr__(self) -> str:
        return f"<VirtualHost {self.name!r}, {len(self.queues)} queues>"

    # -- routing ---------------------------------------------------------------------------

    def route(self, message: Message) -> tuple[Receiver, ...]:
        """Return the queues a message goes to; none where its exchange is not there."""
        return self._router.find(message).queues

    def run_dead_letters(self) -> None:
        """Publish the dead letters, and those that come of them."""
        while self.dead_letters:
            self.dead_letters.popleft().run()

    # -- exchanges -------------------------------------------------------------------------

    def exchange(self, name: str) -> Exchange:
        """Return an exchange. Raises 404 where there is none."""
        found = self.exchanges.get(name)
        if found is None:
            raise not_found(f"no exchange '{name}' in vhost '{self.name}'")
        return found

    def declare_exchange(
        self,
        name: str,
        kind: str,
        *,
        passive: bool = False,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> Exchange:
        """Make an exchange, or return the one there is if it is equivalent."""
        check_not_default(name)
        if passive:
            return self.exchange(name)
        check_type(kind, self.node.config.profile)
        arguments = arguments or {}
        found = self.exchanges.get(name)
        if found is not None:
            check_equivalent_exchange(
                found, kind, arguments, durable=durable, auto_delete=auto_delete, internal=internal
            )
            return found
        if name.startswith(RESERVED):
            raise access_refused(f"exchange name '{name}' contains reserved prefix '{RESERVED}*'")
        exchange = self.add_exchange(
            name, kind, durable=durable, auto_delete=auto_delete, internal=internal, arguments=arguments
        )
        if durable:
            self._define("exchange", (name,), definitions.of_exchange(exchange))
        return exchange

    def add_exchange(self, name: str, kind: str, **options: Any) -> Exchange:
        """Make an exchange that is not there, without asking whether it may be, and without telling storage."""
        exchange = make_exchange(self, name, kind, **options)
        exchange.apply_policy(self.policies.effective("exchange", name))
        self.exchanges[name] = exchange
        self._changed(exchanges=True)
        return exchange

    def delete_exchange(self, name: str, *, if_unused: bool = False) -> None:
        """Remove an exchange with its bindings; one that is not there is no error."""
        check_not_default(name)
        if name.startswith(RESERVED):
            raise access_refused(f"deletion of system exchange '{name}' in vhost '{self.name}' not allowed")
        exchange = self.exchanges.get(name)
        if exchange is None:
            return
        if if_unused and self.bindings.has_leaving(name):
            raise precondition_failed(f"{exchange.described} in use")
        self._remove_exchange(exchange)

    def _remove_exchange(self, exchange: Exchange) -> None:
        del self.exchanges[exchange.name]
        if exchange.durable:
            self._define("exchange", (exchange.name,), None)
        if isinstance(exchange, DelayedExchange):
            exchange.room.close()
        for binding in self.bindings.leaving(exchange.name):
            self._drop_binding(binding)
        self._changed(exchanges=True)
        self._unbind_all(Kind.EXCHANGE, exchange.name)

    # -- queues ----------------------------------------------------------------------------

    def queue(self, name: str, owner: object | None) -> Queue:
        """Return a queue. Raises 404 where there is none, 405 where it is another connection's."""
        found = self.queues.get(name)
        if found is None:
            raise not_found(f"no queue '{name}' in vhost '{self.name}'")
        if found.exclusive_owner is not None and found.exclusive_owner is not owner:
            raise locked(found)
        return found

    def declare_queue(
        self,
        name: str,
        *,
        passive: bool = False,
        durable: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        arguments: Mapping[str, Any] | None = None,
        owner: object | None = None,
    ) -> Queue:
        """Make a queue, or return the one there is if it is equivalent. Without a name it gets one."""
        if passive:
            return self.queue(name, owner)
        self.node.churn.queue_declared += 1
        is_lasting = durable and not exclusive and not auto_delete
        arguments = with_default_type(self, arguments or {}, is_lasting=is_lasting)
        if name.startswith(RESERVED):
            raise access_refused(f"queue name '{name}' contains reserved prefix '{RESERVED}*'")
        if name in self.queues:
            found = self.queue(name, owner)
            if exclusive != (found.exclusive_owner is not None):
                raise locked(found)
            check_equivalent(found, arguments, durable=durable, auto_delete=auto_delete)
            return found
        check_declaration(
            name,
            self.name,
            arguments,
            durable=durable,
            exclusive=exclusive,
            auto_delete=auto_delete,
            profile=self.node.config.profile,
        )
        name = name or generated_queue_name()
        check_queue_limit(self, name)
        queue = self.add_queue(
            name,
            id=self.node.storage.next_queue_id(),
            durable=durable,
            exclusive_owner=owner if exclusive else None,
            auto_delete=auto_delete,
            arguments=arguments,
        )
        self.node.churn.queue_created += 1
        if durable and not exclusive:
            self._define("queue", (queue.name,), definitions.of_queue(queue))
        return queue

    def add_queue(self, name: str, *, arguments: Mapping[str, Any], **options: Any) -> Queue:
        """Make a queue that is not there, without asking whether it may be, and without telling storage."""
        queue = Queue(name, self, arguments=arguments, **options)
        queue.apply_policy(self.policies.effective(queue.kind.value, name))
        self.queues[name] = queue
        self._changed()
        return queue

    def delete_queue(
        self,
        name: str,
        *,
        if_unused: bool = False,
        if_empty: bool = False,
        owner: object | None = None,
        answer: Callable[[int], None] = lambda count: None,
    ) -> int:
        """Remove a queue with its bindings; return how many messages waited. One that is not there is no error.

        `answer` hears the number before the queue's consumers hear that it is gone.
        """
        if name not in self.queues:
            answer(0)
            return 0
        queue = self.queue(name, owner)
        check_deletion(queue, if_unused=if_unused, if_empty=if_empty)
        return self._remove_queue(queue, answer)

    def _remove_queue(self, queue: Queue, answer: Callable[[int], None] = lambda count: None) -> int:
        del self.queues[queue.name]
        self.node.churn.queue_deleted += 1
        self.past.update(queue_counters(queue))
        self._changed()
        self._unbind_all(Kind.QUEUE, queue.name)
        if queue.durable:
            self._define("queue", (queue.name,), None)
        return queue.delete(answer)

    def rooms(self) -> Iterator[Queue | WaitingRoom]:
        """All whose messages storage keeps: queues, and what waits in delayed exchanges."""
        yield from self.queues.values()
        for exchange in self.exchanges.values():
            if isinstance(exchange, DelayedExchange):
                yield exchange.room

    # -- bindings --------------------------------------------------------------------------

    def bind(
        self,
        kind: str,
        destination: str,
        source: str,
        routing_key: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        owner: object | None = None,
    ) -> None:
        """Bind a queue or exchange (`kind`) to the exchange `source`; a binding that is there is no error."""
        check_not_default(source, *([destination] if kind == Kind.EXCHANGE else []))
        arguments = arguments or {}
        exchange = self.exchange(source)
        target = self._target(kind, destination)
        exchange.check_binding(routing_key, arguments)
        if kind == Kind.QUEUE:
            self.queue(destination, owner)
        binding = Binding(exchange, Kind(kind), target, routing_key, arguments)
        if binding not in self.bindings:
            self.add_binding(binding)
            if binding.is_durable:
                self._define("binding", binding.key, {"arguments": binding.arguments})

    def unbind(
        self,
        kind: str,
        destination: str,
        source: str,
        routing_key: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        owner: object | None = None,
    ) -> None:
        """Undo a binding; one that is not there is no error, whatever is missing, and whose queue it may be.

        Raises 405 for a binding of another connection's exclusive queue.
        """
        check_not_default(source, *([destination] if kind == Kind.EXCHANGE else []))
        exchange = self.exchanges.get(source)
        target = (self.queues if kind == Kind.QUEUE else self.exchanges).get(destination)
        if exchange is None or target is None:
            return
        binding = Binding(exchange, Kind(kind), target, routing_key, arguments or {})
        if binding in self.bindings:
            if kind == Kind.QUEUE:
                self.queue(destination, owner)
            self._drop_binding(binding)
            self._tidy(exchange)

    def _target(self, kind: str, name: str) -> Target:
        if kind == Kind.EXCHANGE:
            return self.exchange(name)
        found = self.queues.get(name)
        if found is None:
            raise not_found(f"no queue '{name}' in vhost '{self.name}'")
        return found

    def add_binding(self, binding: Binding) -> None:
        """Take in a binding that is not there, without telling storage."""
        self.bindings.add(binding)
        binding.source.bind(binding)
        self._changed()

    def _drop_binding(self, binding: Binding) -> None:
        self.bindings.remove(binding)
        binding.source.unbind(binding)
        self._changed()
        if binding.is_durable:
            self._define("binding", binding.key, None)

    def _unbind_all(self, kind: Kind, name: str) -> None:
        """Drop the bindings to a thing that is gone; their sources may have to go too."""
        for binding in self.bindings.leading_to(kind, name):
            self._drop_binding(binding)
            self._tidy(binding.source)

    def _tidy(self, exchange: Exchange) -> None:
        """Remove an auto-delete exchange that lost its last binding."""
        is_there = self.exchanges.get(exchange.name) is exchange
        if exchange.auto_delete and is_there and not self.bindings.has_leaving(exchange.name):
            self._remove_exchange(exchange)

    def _define(self, kind: str, key: tuple[str, ...], value: Mapping[str, Any] | None) -> None:
        self.node.storage.define(kind, (self.name, *key), value)

    def _changed(self, *, exchanges: bool = False) -> None:
        self._router.forget()
        if exchanges:
            self.version += 1

    # -- policies --------------------------------------------------------------------------

    def set_policy(self, policy: Policy, *, operator: bool = False) -> None:
        """Set a policy, in place of the one with its name."""
        self.policies.of(operator=operator)[policy.name] = policy
        self._define(definitions.policy_kind(operator=operator), (policy.name,), policy.as_json())
        self.apply_policies()

    def delete_policy(self, name: str, *, operator: bool = False) -> None:
        """Remove a policy. KeyError where there is none."""
        del self.policies.of(operator=operator)[name]
        self._define(definitions.policy_kind(operator=operator), (name,), None)
        self.apply_policies()

    def apply_policies(self) -> None:
        """Let the policies there are now act on all exchanges and queues."""
        for exchange in self.exchanges.values():
            exchange.apply_policy(self.policies.effective("exchange", exchange.name))
        for queue in tuple(self.queues.values()):
            queue.apply_policy(self.policies.effective(queue.kind.value, queue.name))
        self._changed()

    # -- start and end ---------------------------------------------------------------------

    def restore(self, kind: str, key: tuple[str, ...], value: Mapping[str, Any]) -> None:
        """Take back what storage kept, in the order in which it was defined."""
        definitions.restore(self, kind, key, value)

    def delete(self) -> None:
        """End with all that is in it."""
        for queue in tuple(self.queues.values()):
            self._remove_queue(queue)
        for exchange in tuple(self.exchanges.values()):
            if exchange.name and self.exchanges.get(exchange.name) is exchange:
                self._remove_exchange(exchange)
        for operator in (False, True):
            for name in tuple(self.policies.of(operator=operator)):
                self.delete_policy(name, operator=operator)
        self.dead_letters.clear()
