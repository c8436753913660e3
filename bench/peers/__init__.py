"""Who takes part: each runner with the best reasonable setting found for it, and what it can be measured at.

Not here: the runners. Each is a script of its own in this folder, run in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["RUNNERS", "Kind", "Runner"]


class Kind(Enum):
    """What a runner's figures are compared as."""

    LIMIT = "limit"
    REFERENCE = "reference"
    """pika driven by hand: what the wire costs in Python, not something a library offers."""
    PEER = "peer"
    WARREN = "warren"


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """One library with one setting."""

    name: str
    kind: Kind = Kind.PEER
    module: str
    arguments: tuple[str, ...] = ()
    package: str = ""
    """The distribution whose version is shown."""
    setting: str
    publishes: bool = True
    consumes: bool = True
    counts_itself: bool = False
    """Reports its consume rate itself instead of keeping a tally."""
    round_trips: bool = True
    in_flight: int = 1_000
    publish_share: float = 1.0
    consume_share: float = 1.0
    """The share of `--messages` it is given: what the slow ones can do in a similar time."""
    is_service: bool = False
    """Also measured end to end, and with two worker processes."""
    declares_itself: bool = False
    """Gives its queue further arguments (dead-lettering), so the run leaves declaring it to the library."""
    own_processes: bool = False
    """Starts its worker processes itself, as many as the job says; the others are started as often."""


RUNNERS: tuple[Runner, ...] = (
    Runner(
        name="Warren",
        kind=Kind.WARREN,
        module="bench.peers.warren",
        arguments=("def",),
        package="warren",
        setting="def handler on 8 threads; publish_many, 1,000 in flight; prefetch 500",
        consume_share=0.6,
        declares_itself=True,
        is_service=True,
    ),
    Runner(
        name="Warren, async handler",
        kind=Kind.WARREN,
        module="bench.peers.warren",
        arguments=("async",),
        package="warren",
        setting="async def handler, 100 tasks; prefetch 500",
        publishes=False,
        round_trips=False,
        consume_share=0.6,
        declares_itself=True,
    ),
    Runner(
        name="Warren, idempotent",
        kind=Kind.WARREN,
        module="bench.peers.warren",
        arguments=("def", "idempotent"),
        package="warren",
        setting="def handler on 8 threads, a key claimed and marked in SQLite for each message; prefetch 500",
        publishes=False,
        round_trips=False,
        consume_share=0.3,
        declares_itself=True,
    ),
    Runner(
        name="librabbitmq",
        kind=Kind.LIMIT,
        module="bench.peers.limit",
        arguments=("1",),
        setting="C; 1,000 in flight; prefetch 500, an ack frame a message",
        counts_itself=True,
    ),
    Runner(
        name="librabbitmq, acks coalesced",
        kind=Kind.LIMIT,
        module="bench.peers.limit",
        arguments=("64",),
        setting="C; prefetch 500, an ack frame every 64 messages",
        publishes=False,
        round_trips=False,
        counts_itself=True,
    ),
    Runner(
        name="pika by hand, uvloop",
        kind=Kind.REFERENCE,
        module="bench.peers.pika_pipelined",
        arguments=("uvloop",),
        package="pika",
        setting="AsyncioConnection, callbacks; 1,000 in flight; prefetch 500",
        round_trips=False,
    ),
    Runner(
        name="pika by hand, select",
        kind=Kind.REFERENCE,
        module="bench.peers.pika_pipelined",
        arguments=("select",),
        package="pika",
        setting="SelectConnection, callbacks; 1,000 in flight; prefetch 500",
        round_trips=False,
    ),
    Runner(
        name="pika",
        module="bench.peers.pika_blocking",
        package="pika",
        setting="BlockingConnection; prefetch 500",
        publish_share=0.06,
        consume_share=0.4,
    ),
    Runner(
        name="aio-pika",
        module="bench.peers.aio_pika",
        package="aio-pika",
        setting="uvloop; 1,000 publishes in flight; prefetch 500",
        publish_share=0.25,
        consume_share=0.35,
        is_service=True,
    ),
    Runner(
        name="kombu",
        module="bench.peers.kombu",
        package="kombu",
        setting="py-amqp; prefetch 500",
        publish_share=0.06,
        consume_share=0.35,
    ),
    Runner(
        name="FastStream",
        module="bench.peers.faststream",
        package="faststream",
        setting="uvloop; 1,000 publishes in flight; prefetch 500",
        publish_share=0.15,
        consume_share=0.2,
        is_service=True,
    ),
    Runner(
        name="Dramatiq",
        module="bench.peers.dramatiq",
        package="dramatiq",
        setting="8 threads; prefetch 500",
        declares_itself=True,
        publish_share=0.06,
        consume_share=0.2,
        is_service=True,
    ),
    Runner(
        name="Celery",
        module="bench.peers.celery",
        arguments=("solo",),
        package="celery",
        setting="solo pool (its fastest), acks late, prefetch 500, no events",
        publish_share=0.05,
        consume_share=0.15,
        is_service=True,
    ),
)
