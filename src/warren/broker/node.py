"""The node: virtual hosts, accounts, storage and connections, and what happens at the end of a loop turn.

Not here: sockets and loops (`server.py`), or the methods of AMQP (`session/`).

A turn. The server hands each read to its session, then calls `end_turn` once for all reads of the turn: queues deliver
what settled entries made room for, dead letters move on, the journal gets what was written, confirms that are due go
out. So one read of a hundred acknowledgements costs one pass over the queue, and a hundred publishes one confirm.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from warren.broker import parameters
from warren.broker.auth import Accounts, Permission, User, hash_password
from warren.broker.faults import Faults
from warren.broker.model.channel import Channel
from warren.broker.model.overdue import OverdueWatch
from warren.broker.model.vhost import VirtualHost
from warren.broker.replies import not_allowed
from warren.broker.settings import BrokerConfig
from warren.broker.statistics import Churn
from warren.broker.timers import Timers
from warren.clock import Clock

if TYPE_CHECKING:
    from warren.broker.model.message import Entry
    from warren.broker.model.queue import Queue
    from warren.broker.session.connection import Connection
    from warren.broker.storage.port import Recovered, Storage

__all__ = ["Node"]

_log: Final = logging.getLogger("warren.broker")

_ACCOUNT_KINDS = frozenset({"user", "permission", "topic_permission"})


class Node:
    """One broker. Everything in it runs on one thread."""

    def __init__(self, config: BrokerConfig, storage: Storage, clock: Clock) -> None:
        self.config = config
        self.storage = storage
        self.clock = clock
        self.timers = Timers(clock)
        self.accounts = Accounts(storage.define)
        self.vhosts: dict[str, VirtualHost] = {}
        self.parameters: dict[tuple[str, ...], Any] = {}
        self.connections: dict[Connection, None] = {}  # those that logged in, in the order they did
        self.reply_to: dict[str, Channel] = {}  # direct reply-to consumers, by token
        self.dirty_queues: dict[Queue, None] = {}
        self.unconfirmed: set[Channel] = set()  # channels with confirms or commits to come
        self._settleable: set[Channel] = set()  # of these, whose next is safe already
        self._settled_to = storage.flushed  # the point of the journal at which all were last settled
        self.outgoing: list[Connection] = []  # with bytes to be written at the end of the turn
        self.closing: list[Connection] = []  # that sent or answered connection.close in this turn
        self.alarms: dict[str, str] = {}  # what is short, and why, while publishers are blocked
        self.churn = Churn()
        self.faults = Faults(self)
        self.watchers: deque[Callable[[], bool]] = deque()  # asked at each end of a turn, until they return True
        self.wake: Callable[[], None] = lambda: None  # asks the server for an end_turn; set by it
        self.started_at = clock.now()
        storage.on_flushed = self._flushed
        storage.on_alarm = lambda reason: self.set_alarm("disk", reason)

    def __repr__(self) -> str:
        return f"<Node {self.config.node_name}, {len(self.connections)} connections>"

    # -- the start -------------------------------------------------------------------------

    def start(self) -> None:
        """Take over what storage kept; make the virtual host `/` and the first user where it kept nothing."""
        recovered = self.storage.recover()
        for note in recovered.notes:
            _log.warning("%s", note)
        self._restore(recovered)
        if not self.vhosts:
            self.add_vhost("/")
            self._add_first_user()
        OverdueWatch(self, self._channels).start()
        self.end_turn()

    def _channels(self) -> Iterator[Channel]:
        for connection in self.connections:
            yield from connection.channels.values()

    def _restore(self, recovered: Recovered) -> None:
        for kind, key, value in recovered.definitions:
            if kind in _ACCOUNT_KINDS:
                self.accounts.restore(kind, key, value)
            elif kind == "vhost":
                self.vhosts[key[0]] = VirtualHost(key[0], self)
            elif kind == "parameter":
                self.parameters[key] = value
            else:
                self.vhosts[key[0]].restore(kind, key, value)
        rooms = {room.id: room for vhost in self.vhosts.values() for room in vhost.rooms()}
        for one in recovered.messages:
            one.message.survived = not recovered.is_clean
            rooms[one.queue_id].recover(
                one.message, age=one.age, redelivered=one.redelivered, deliveries=one.deliveries
            )

    def _add_first_user(self) -> None:
        name = self.config.user
        self.accounts.put_user(User(name, ("administrator",), hash_password(self.config.password)))
        self.accounts.put_permission("/", name, Permission(".*", ".*", ".*"))

    # -- virtual hosts ---------------------------------------------------------------------

    def add_vhost(self, name: str) -> VirtualHost:
        """Make a virtual host, or return the one there is."""
        if name not in self.vhosts:
            self.storage.define("vhost", (name,), {})
            self.vhosts[name] = VirtualHost(name, self)
        return self.vhosts[name]

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host with all in it; its connections are closed. KeyError where there is none."""
        vhost = self.vhosts[name]
        for connection in [one for one in self.connections if one.vhost == name]:
            connection.close_by_operator(f"vhost '{name}' is deleted")
        vhost.delete()
        del self.vhosts[name]
        self.accounts.vhost_deleted(name)
        self.storage.define("vhost", (name,), None)

    # -- turns -----------------------------------------------------------------------------

    def settle(self) -> None:
        """Let queues deliver and dead letters move until nothing is left to do."""
        while self.dirty_queues:
            dirty, self.dirty_queues = self.dirty_queues, {}
            for queue in dirty:
                queue.dispatch()
            self.move_dead_letters()
        self.move_dead_letters()

    def move_dead_letters(self) -> None:
        for vhost in self.vhosts.values():
            if vhost.dead_letters:
                vhost.run_dead_letters()

    def end_turn(self) -> None:
        """Finish what the methods of this turn began; see the top of this file."""
        self.settle()
        self.storage.end_turn()
        self.settle_confirms()
        for _ in range(len(self.watchers)):
            watcher = self.watchers.popleft()
            if not watcher():
                self.watchers.append(watcher)

    def await_flush(self, channel: Channel, point: int) -> None:
        """Settle the confirms of a channel, the next of which is safe at `point`, when the journal is there."""
        self.unconfirmed.add(channel)
        if point <= self._settled_to:
            self._settleable.add(channel)

    def settle_confirms(self) -> None:
        """Confirm what is safe by now."""
        flushed = self.storage.flushed
        ready = self._settleable if flushed == self._settled_to else tuple(self.unconfirmed)
        self._settled_to = flushed
        self._settleable = set()
        for channel in ready:
            channel.settle_confirms(flushed)

    def _flushed(self) -> None:
        self.wake()

    # -- alarms ----------------------------------------------------------------------------

    def set_alarm(self, resource: str, reason: str | None) -> None:
        """Block the connections that publish while `resource` (memory, disk) is short; None ends it."""
        was_blocked = bool(self.alarms)
        if reason is not None:
            _log.warning("publishers are blocked, low on %s: %s", resource, reason)
            self.alarms[resource] = reason
        elif self.alarms.pop(resource, None) is not None:
            _log.warning("no longer low on %s", resource)
        if bool(self.alarms) != was_blocked:
            for connection in tuple(self.connections):
                connection.alarm_changed()
            self.wake()

    @property
    def blocked_reason(self) -> str:
        """What connection.blocked tells: RabbitMQ's `low on memory`, `low on disk`, or both."""
        return "low on " + " & ".join(sorted(self.alarms))

    # -- limits ----------------------------------------------------------------------------

    def check_connection_limits(self, user: str, vhost: str) -> None:
        """Raise 530 where the virtual host or the user has as many connections as allowed."""
        limit = parameters.limits(self, vhost).get("max-connections")
        inside = sum(one.vhost == vhost for one in self.connections)
        if limit is not None and 0 <= limit <= inside:
            raise not_allowed(
                f"access to vhost '{vhost}' refused for user '{user}': connection limit ({limit}) is reached"
            )
        limit = self.accounts.users[user].limits.get("max-connections")
        own = sum(one.user == user for one in self.connections)
        if limit is not None and 0 <= limit <= own:
            raise not_allowed(f"Connection refused for user '{user}': user connection limit ({limit}) is reached")

    # -- the end ---------------------------------------------------------------------------

    def close(self) -> None:
        """Flush and close the storage. Connections are closed by then."""
        self.end_turn()
        self.storage.close(self._delivered_once())

    def _delivered_once(self) -> Iterator[Entry]:
        """What waits and was delivered before: it comes back as redelivered."""
        for vhost in self.vhosts.values():
            for queue in vhost.queues.values():
                yield from (entry for entry in queue.waiting() if entry.redelivered)
