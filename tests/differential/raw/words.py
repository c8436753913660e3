"""The short words in which scenarios speak on a channel: `ch.queue("q", x_message_ttl=50)`, `ch.publish("", "q")`.

Not here: how they are sent and awaited (channel.py).

A word waits for its answer where AMQP has one. Keywords that are no field of the method become arguments,
`x_message_ttl` as `x-message-ttl`; `args` takes those that cannot be written so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.differential.raw.methods import BY_NAME, PROPERTIES
from tests.differential.transcript import FAILED

if TYPE_CHECKING:
    from tests.differential.raw.channel import Received

__all__ = ["Words"]

_POLL = 0.01
_EXPIRY_POLL = 0.25  # a look counts as a use: one that comes too soon after the last begins the queue's expiry anew
_PATIENCE = 10.0
_PROPERTIES = {name for name, _ in PROPERTIES}


def _with_arguments(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """Split keywords into the fields of `method` and the entries of its arguments table."""
    fields = {name: value for name, value in given.items() if name in BY_NAME[method].arguments}
    extra = {name: value for name, value in given.items() if name not in fields and name != "args"}
    arguments = {name.replace("_", "-"): value for name, value in extra.items()} | given.get("args", {})
    return fields | ({"arguments": arguments} if arguments else {})


class Words:
    """What a scenario says on a channel. Mixed into Channel, which has the rest."""

    if TYPE_CHECKING:

        def send(self, method: str, *positional: Any, **values: Any) -> None: ...
        def call(self, method: str, *positional: Any, **values: Any) -> Received | None: ...
        def silently(self, method: str, *positional: Any, **values: Any) -> Received | None: ...
        def note(self, line: str) -> None: ...
        def wait_for(self, kind: str, count: int) -> None: ...
        def publish_content(self, values: dict[str, Any], properties: dict[str, Any], body: bytes) -> None: ...
        @property
        def is_usable(self) -> bool: ...

    # -- exchanges and queues -------------------------------------------------------------

    def exchange(self, name: str, type_: str = "direct", **given: Any) -> None:
        self.call("exchange.declare", name, type_, **_with_arguments("exchange.declare", given))

    def queue(self, name: str = "", **given: Any) -> str:
        """Declare a queue and return its name, which a broker may have made up."""
        answer = self.call("queue.declare", name, **_with_arguments("queue.declare", given))
        return str(answer.queue) if answer else name

    def quorum(self, name: str = "q", **given: Any) -> str:
        return self.queue(name, **({"durable": True} | given | {"x_queue_type": "quorum"}))

    def bind(self, queue: str, exchange: str, key: str = "", **given: Any) -> None:
        self.call("queue.bind", queue, exchange, key, **_with_arguments("queue.bind", given))

    def unbind(self, queue: str, exchange: str, key: str = "", **given: Any) -> None:
        self.call("queue.unbind", queue, exchange, key, **_with_arguments("queue.unbind", given))

    def bind_exchange(self, destination: str, source: str, key: str = "", **given: Any) -> None:
        self.call("exchange.bind", destination, source, key, **_with_arguments("exchange.bind", given))

    def unbind_exchange(self, destination: str, source: str, key: str = "", **given: Any) -> None:
        self.call("exchange.unbind", destination, source, key, **_with_arguments("exchange.unbind", given))

    def delete(self, queue: str, **given: Any) -> None:
        self.call("queue.delete", queue, **given)

    def delete_exchange(self, exchange: str, **given: Any) -> None:
        self.call("exchange.delete", exchange, **given)

    def purge(self, queue: str, **given: Any) -> None:
        self.call("queue.purge", queue, **given)

    # -- messages -------------------------------------------------------------------------

    def publish(self, exchange: str, key: str, body: bytes = b"m", **given: Any) -> None:
        """Publish; keywords are `mandatory`, `immediate` and the properties."""
        properties = {name: value for name, value in given.items() if name in _PROPERTIES}
        flags = {name: value for name, value in given.items() if name not in properties}
        self.publish_content({"exchange": exchange, "routing_key": key, **flags}, properties, body)

    def put(self, queue: str, *bodies: bytes, **given: Any) -> None:
        """Publish to a queue by the default exchange, one message a body, and see them in the queue's hands."""
        for body in bodies or (b"m",):
            self.publish("", queue, body, **given)
        self.sync(queue)

    def sync(self, *queues: str) -> None:
        """Wait until `queues` have worked off what this channel sent before.

        A queue of RabbitMQ answers a declaration before what came earlier, but hardly three in a row.
        """
        for queue in (*queues, *queues, *queues):
            self.silently("queue.declare", queue, passive=True)
        self.silently("exchange.declare", "amq.direct", "direct", passive=True)

    def get(self, queue: str, **given: Any) -> Received | None:
        return self.call("basic.get", queue, **given)

    def take(self, queue: str, count: int = 1, *, no_ack: bool = True) -> Received | None:
        """Get `count` messages that will come, waiting for each; if they are several, all must be there first."""
        if count > 1:
            self._await_count(queue, lambda there: there >= count)
        answer = None
        for _ in range(count):
            deadline = time.monotonic() + _PATIENCE
            answer = self.silently("basic.get", queue, no_ack=no_ack)
            while answer and answer.name == "basic.get-empty" and time.monotonic() < deadline:
                time.sleep(_POLL)
                answer = self.silently("basic.get", queue, no_ack=no_ack)
            empty = not answer or answer.name == "basic.get-empty"
            self.note(f"took from {queue}: {FAILED if empty else ''}{answer}")
        return answer

    def holds(self, queue: str, count: int) -> None:
        """Wait until `queue` has `count` ready messages."""
        answer = self._await_count(queue, lambda there: there == count)
        # The number of consumers is left out: a quorum queue counts whoever gets a message for a while.
        self.note(f"{queue} holds {count if answer and answer.message_count == count else f'{FAILED} {answer}'}")

    def _await_count(self, queue: str, is_right: Callable[[int], bool]) -> Received | None:
        deadline = time.monotonic() + _PATIENCE
        answer = self.silently("queue.declare", queue, passive=True)
        while answer and not is_right(answer.message_count) and time.monotonic() < deadline:
            time.sleep(_POLL)
            answer = self.silently("queue.declare", queue, passive=True)
        return answer

    def gone(self, queue: str) -> None:
        """Wait until `queue` does not exist any more; the 404 closes the channel."""
        deadline = time.monotonic() + _PATIENCE
        while self.is_usable and time.monotonic() < deadline:
            if self.silently("queue.declare", queue, passive=True):
                time.sleep(_EXPIRY_POLL)
        if self.is_usable:
            self.note(f"{FAILED} {queue} is still there")

    # -- consuming ------------------------------------------------------------------------

    def consume(self, queue: str, tag: str = "c", **given: Any) -> None:
        fields = _with_arguments("basic.consume", {"consumer_tag": tag, **given})
        self.call("basic.consume", queue, **fields)

    def cancel(self, tag: str = "c", **given: Any) -> None:
        self.call("basic.cancel", tag, **given)

    def ack(self, tag: int, **given: Any) -> None:
        self.send("basic.ack", tag, **given)

    def nack(self, tag: int, *, requeue: bool = True, **given: Any) -> None:
        self.send("basic.nack", tag, requeue=requeue, **given)

    def reject(self, tag: int, *, requeue: bool = True) -> None:
        self.send("basic.reject", tag, requeue=requeue)

    def recover(self, *, requeue: bool = True) -> None:
        self.call("basic.recover", requeue=requeue)

    def qos(self, count: int, **given: Any) -> None:
        self.call("basic.qos", prefetch_count=count, **given)

    def delivered(self, count: int = 1) -> None:
        self.wait_for("deliveries", count)

    def cancelled(self, count: int = 1) -> None:
        self.wait_for("cancels", count)

    # -- what a publisher is told ---------------------------------------------------------

    def confirm(self, **given: Any) -> None:
        self.call("confirm.select", **given)

    def confirmed(self, count: int = 1) -> None:
        """Wait for `count` confirms and returns, together."""
        self.wait_for("to_publisher", count)

    returned = confirmed

    def tx(self, verb: str = "select") -> None:
        self.call(f"tx.{verb}")

    # -- the channel ----------------------------------------------------------------------

    def close(self) -> None:
        self.call("channel.close", 200, "bye")
