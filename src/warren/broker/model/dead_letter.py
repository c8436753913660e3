"""Dead-lettering: what a message that was dropped becomes, and where it goes.

Not here: who drops it (`queue.py`, `limits.py`, `expiry.py`), nor what routes it (`vhost.py`).

A queue never publishes while it drops: it leaves a `DeadLetter` with its virtual host, which runs them one after the
other. So a circle of queues is a loop, not a recursion, and it ends at `_comes_full_circle`.

The entry stays with storage until the dead letter is published: the journal always has it in one queue or the other.
With at-least-once (quorum queues) it also stays as long as no queue takes the letter, and is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Final

from warren.broker.model.message import Address, Entry, Message
from warren.broker.model.queue_settings import Kind
from warren.broker.protocol import properties
from warren.broker.protocol.fields import FieldValue, Timestamp, encode_value
from warren.broker.settings import Profile

if TYPE_CHECKING:
    from warren.broker.model.queue import Queue
    from warren.broker.model.receiver import Receiver
    from warren.broker.timers import Timer

__all__ = ["DeadLetter", "Reason", "Undelivered", "bury", "bury_refused"]

_DROPPED: Final = frozenset({"expiration"})
_Death = dict[str, FieldValue]


class Reason(Enum):
    """Why a message is dead, as x-death tells it."""

    REJECTED = "rejected"
    EXPIRED = "expired"
    MAXLEN = "maxlen"
    DELIVERY_LIMIT = "delivery_limit"


def bury(queue: Queue, entry: Entry, reason: Reason) -> None:
    """Take an entry that left its queue: dead-letter it where there is a dead-letter exchange."""
    if queue.settings.dead_letter_exchange is None:
        queue.let_go(entry)
        return
    queue.vhost.dead_letters.append(DeadLetter(queue, entry.message, reason, entry))


def bury_refused(queue: Queue, message: Message) -> None:
    """Dead-letter a message that never came into the queue, because that was full."""
    if queue.settings.dead_letter_exchange is not None:
        queue.vhost.dead_letters.append(DeadLetter(queue, message, Reason.MAXLEN, None))


class DeadLetter:
    """A message on its way from the queue where it died to those its dead-letter exchange leads to."""

    __slots__ = ("_entry", "_headers", "_message", "_queue", "_reason")

    def __init__(self, queue: Queue, message: Message, reason: Reason, entry: Entry | None) -> None:
        self._queue = queue
        self._message = message
        self._reason = reason
        self._entry = entry  # None: it never was in the queue
        self._headers: Mapping[str, FieldValue] = {}  # of the message; set only while it is published

    def __repr__(self) -> str:
        return f"<DeadLetter {self._reason.value} from {self._queue.name!r}>"

    @property
    def size(self) -> int:
        return self._message.size

    def run(self) -> None:
        """Publish it, then let its queue forget it; or keep it for another time, if it is at-least-once."""
        queue = self._queue
        settings = queue.settings
        if queue.is_deleted:
            return
        if settings.dead_letter_exchange is not None and not self._publish() and settings.is_at_least_once:
            queue.undelivered.keep(self)
        elif self._entry is not None:
            queue.let_go(self._entry)

    def _publish(self) -> bool:
        """Return whether all queues it is routed to took it, and there is one."""
        self._headers = properties.headers(self._queue.header(self._message))
        deaths = self._deaths()
        letter = self._reborn(deaths)
        self._headers = {}
        targets = self._route(letter)
        if self._reason is not Reason.REJECTED:
            targets = tuple(target for target in targets if not _comes_full_circle(target.name, deaths))
        takers = tuple(target for target in targets if target.accepts(letter))
        durable = tuple(taker for taker in takers if taker.durable)
        letter.persistent |= any(taker.kind is Kind.QUORUM for taker in takers)  # it keeps whatever it is given
        if letter.persistent and durable:
            self._queue.storage.publish(letter, durable)
        for taker in takers:
            taker.push(letter)
        return bool(takers) and len(takers) == len(targets)

    def _route(self, letter: Message) -> tuple[Receiver, ...]:
        """Return where the letter goes. With a routing key of its own it does not go where CC says."""
        header = letter.header
        assert header is not None  # just made
        if self._queue.settings.dead_letter_routing_key is None or not properties.scan(header).has_copies:
            return self._queue.vhost.route(letter)
        letter.header = properties.edit(header, headers={"CC": None})
        targets = self._queue.vhost.route(letter)
        if not self._is_3_10:
            letter.header = header
        return targets

    # -- the letter ------------------------------------------------------------------------

    def _reborn(self, deaths: list[_Death]) -> Message:
        """Return the message that is published to the dead-letter exchange."""
        message, settings = self._message, self._queue.settings
        assert settings.dead_letter_exchange is not None  # else it is not published
        routing_key = settings.dead_letter_routing_key
        if routing_key is None:
            routing_key = message.address.routing_key
        header = properties.edit(self._queue.header(message), headers=self._new_headers(deaths), drop=_DROPPED)
        assert message.body is not None  # comes and goes with the header
        address = Address(settings.dead_letter_exchange, routing_key)
        letter = Message(address, header, message.body, persistent=message.persistent)
        letter.dead_lettered = True
        letter.survived = message.survived
        return letter

    def _new_headers(self, deaths: list[_Death]) -> dict[str, bytes | None]:
        """Return the headers to change: x-death, and in short what was first and what was last."""
        changes: dict[str, bytes | None] = {"x-death": encode_value([*deaths])}
        if not self._was_dead_before:
            changes |= _in_short("first", deaths[-1])
        if not self._is_3_10:
            changes |= _in_short("last", deaths[0])
        return changes

    def _deaths(self) -> list[_Death]:
        """Return all deaths of the message, the one that is happening first."""
        earlier = self._earlier_deaths()
        for place, death in enumerate(earlier):
            if death.get("queue") == self._queue.name and death.get("reason") == self._reason.value:
                count = death.get("count")
                again = {**death, "count": count + 1 if isinstance(count, int) else 1}
                return [again, *earlier[:place], *earlier[place + 1 :]]
        return [self._new_death(), *earlier]

    def _earlier_deaths(self) -> list[_Death]:
        if not self._was_dead_before:
            return []
        deaths = self._headers.get("x-death")
        return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []

    def _new_death(self) -> _Death:
        expiration = properties.scan(self._queue.header(self._message)).expiration
        address = self._message.address
        return {
            **({} if expiration is None else {"original-expiration": expiration}),
            "count": 1,
            "reason": self._reason.value,
            "queue": self._queue.name,
            "time": Timestamp(self._queue.node.clock.now()),
            "exchange": address.exchange,
            "routing-keys": [address.routing_key, *_copies(self._headers)],
        }

    @property
    def _was_dead_before(self) -> bool:
        """Whether x-death is to be believed: since RabbitMQ 4.0 not when a client sent it."""
        if self._is_3_10:
            return isinstance(self._headers.get("x-death"), list)
        return self._message.dead_lettered

    @property
    def _is_3_10(self) -> bool:
        return self._queue.node.config.profile is Profile.RABBITMQ_3_10


def _in_short(which: str, death: _Death) -> dict[str, bytes | None]:
    return {f"x-{which}-death-{what}": encode_value(death[what]) for what in ("exchange", "queue", "reason")}


def _copies(headers: Mapping[str, FieldValue]) -> list[FieldValue]:
    copies = headers.get("CC")
    return [key for key in copies if isinstance(key, str)] if isinstance(copies, list) else []


def _comes_full_circle(target: str, deaths: list[_Death]) -> bool:
    """Whether the message was in `target` before and nobody has rejected it since: it would go round for ever."""
    for death in deaths:
        if death.get("reason") == Reason.REJECTED.value:
            return False
        if death.get("queue") == target:
            return True
    return False


class Undelivered:
    """The at-least-once letters of one queue that no queue took."""

    __slots__ = ("_letters", "_queue", "_timer", "size")

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._letters: list[DeadLetter] = []
        self._timer: Timer | None = None  # set while there are letters
        self.size = 0  # bytes of bodies

    @property
    def count(self) -> int:
        return len(self._letters)

    def keep(self, letter: DeadLetter) -> None:
        """Try a letter again after a while."""
        self._letters.append(letter)
        self.size += letter.size
        if self._timer is None:
            self._timer = self._queue.node.timers.after(self._queue.node.config.dead_letter_retry, self.retry)

    def retry(self) -> None:
        """Try all again now."""
        self.stop()
        self._queue.vhost.dead_letters.extend(self._letters)
        self._letters.clear()
        self.size = 0

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
