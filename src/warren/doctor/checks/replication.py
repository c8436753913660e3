"""Where queues live: leaders, members, and whether they survive the loss of a node or a restart.

Not here: the nodes themselves (`cluster.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from warren.doctor.effective import limit, setter
from warren.doctor.facts import Facts, Live
from warren.doctor.findings import Finding, FindingId, finding
from warren.management.setup import QueuePlace
from warren.topology.actual import ActualQueue

__all__ = ["check_replication"]

_WANTED: Final = 3  # members; more only where there are more nodes to lose
_WITHOUT_LEADER: Final = frozenset({"down", "minority", "crashed", "noproc", "stopped"})
_ENOUGH_QUEUES: Final = 6  # fewer say nothing about a balance


def check_replication(facts: Facts) -> Iterator[Finding]:
    """Judge each queue that is looked at."""
    live = facts.live
    if live is None:
        return
    nodes = len(live.nodes or ())
    for queue in facts.live_queues():
        place = live.places.get(queue.name, QueuePlace(name=queue.name))
        if facts.code is not None:  # others' queues may be made to be short-lived
            yield from _lifetime(queue, live, facts.is_dead_letter_queue(queue.name))
        if queue.type == "quorum":
            yield from _quorum(place, nodes)
        elif nodes > 1 and queue.durable and facts.code is not None:
            yield finding(
                FindingId.QUEUE_NOT_REPLICATED,
                queue.name,
                f"this {queue.type} queue is on one node only: while that is down, nothing gets in or out",
                evidence=[f"it is on {place.leader}"] if place.leader else (),
                fix='declare it as a quorum queue: leave type="classic" out, drain, delete, apply',
            )
    yield from _balance(facts, live)


def _lifetime(queue: ActualQueue, live: Live, is_dead_letter_queue: bool) -> Iterator[Finding]:
    if not queue.durable:
        yield finding(
            FindingId.QUEUE_TRANSIENT,
            queue.name,
            "the queue is transient: a restart of the broker deletes it with its messages",
            fix="declare it durable (the default), after draining and deleting it",
        )
    expires = limit(queue, "expires")
    if expires is not None and not is_dead_letter_queue:
        yield finding(
            FindingId.QUEUE_EXPIRES,
            queue.name,
            f"the broker deletes the queue with its messages after {expires / 1000:g} s without a consumer",
            evidence=[f"set by {setter(queue, 'expires', live)}"],
            fix="take `expires` away, unless losing them is meant",
        )


def _quorum(place: QueuePlace, nodes: int) -> Iterator[Finding]:
    where = f"members: {', '.join(place.members)}; online: {', '.join(place.online) or 'none'}"
    if place.state in _WITHOUT_LEADER or (place.members and 2 * len(place.online) <= len(place.members)):
        yield finding(
            FindingId.QUEUE_WITHOUT_LEADER,
            place.name,
            "most members of this quorum queue are away, so it has no leader: nothing gets in or out",
            evidence=[where, f"state: {place.state}"],
            fix="start the nodes of its members; rabbitmq-queues quorum_status shows them",
        )
        return
    away = [one for one in place.members if one not in place.online]
    if away:
        yield finding(
            FindingId.QUEUE_MEMBER_OFFLINE,
            place.name,
            f"its member on {', '.join(away)} is away",
            evidence=[where],
            fix="start that node; if it is gone for good: rabbitmq-queues delete_member, then grow",
        )
    if place.members and len(place.members) < min(nodes, _WANTED):
        yield finding(
            FindingId.QUEUE_UNDER_REPLICATED,
            place.name,
            f"it is on {len(place.members)} of {nodes} nodes: fewer can be lost than the cluster could bear",
            evidence=[where],
            fix="rabbitmq-queues grow NODE all --queue-pattern",
        )


def _balance(facts: Facts, live: Live) -> Iterator[Finding]:
    names = {queue.name for queue in facts.live_queues() if queue.type == "quorum"}
    leaders = Counter(place.leader for name, place in live.places.items() if name in names and place.leader)
    if len(live.nodes or ()) > 2 and len(leaders) == 1 and leaders.total() >= _ENOUGH_QUEUES:
        (leader, count) = leaders.most_common(1)[0]
        yield finding(
            FindingId.LEADERS_ON_ONE_NODE,
            str(leader),
            f"it leads all {count} quorum queues: the other nodes only follow",
            fix="rabbitmq-queues rebalance quorum, in a quiet hour",
        )
