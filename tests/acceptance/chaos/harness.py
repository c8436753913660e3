"""One run: start, publish, kill, wait until all is quiet, and close the ledger.

Not here: the parts, each in a file of its own beside this one.
"""

from __future__ import annotations

import json
import math
import os
import random
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from tests.acceptance.chaos.crashes import Crash, Victim, planned_crashes
from tests.acceptance.chaos.effects import EffectReader, cut_connections, prepare
from tests.acceptance.chaos.ledger import DeadOrder, Evidence, Ledger, close_ledger
from tests.acceptance.chaos.mutations import Mutation
from tests.acceptance.chaos.orders import QUEUE, all_queues, planned_orders
from tests.acceptance.chaos.publishing import Publishing
from tests.acceptance.chaos.workers import Footprint, Workers
from tests.support import BrokerUnderTest, wait_until
from tests.support.plain import PlainMessage, PlainPika
from warren import Warren

__all__ = ["Chaos", "Result", "run_chaos"]

QUIET = 1.0  # seconds without a delivery, a settlement or an effect
DEADLINE = 150.0  # seconds until all must have become quiet
STALLED = 10.0  # seconds without an effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """One run's shape. `store` holds the claims, `effects` the effects; an inbox has both in one database.

    `failing` and `refused` are shares of the orders, `work` is how many seconds a handler goes on after its effect, and
    `lead` how many orders publishing may be ahead of effects and crashes.
    """

    consumer: str
    store: str
    effects: str
    orders: int
    node_kills: int
    worker_kills: int
    database_kills: int = 0
    worker_signal: signal.Signals = signal.SIGKILL
    processes: int = 3
    lead: int = 1_000
    failing: float = 0.01
    refused: float = 0.005
    work: float = 0.0
    mutation: Mutation = Mutation.NONE
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to."""

    ledger: Ledger
    seconds: float
    exit_codes: tuple[int, ...]
    early: Footprint
    late: Footprint
    left: Footprint  # What publishing left behind in this process.
    workers_killed: int
    recovery: tuple[float, ...]  # seconds from each kill of the node to the next effect
    log: str


def run_chaos(chaos: Chaos, broker: BrokerUnderTest, folder: Path) -> Result:
    """Run `chaos` on a broker, which must be the test's own if its node is to be killed."""
    prepare(chaos.effects)
    before = Footprint.of(os.getpid())
    with EffectReader.of(chaos.effects) as effects:
        result = _Run(chaos, broker, folder, effects).run()
    return replace(result, left=Footprint.of(os.getpid()) - before)


class _Run:
    def __init__(self, chaos: Chaos, broker: BrokerUnderTest, folder: Path, effects: EffectReader) -> None:
        self._chaos = chaos
        self._broker = broker
        self._effects = effects
        self._rng = random.Random(chaos.seed)
        self._node_kills: list[float] = []
        self._next_crash = 0.0  # how many orders that is
        url = f"{broker.url}?management={quote(broker.management_url, safe='')}"
        self._app = Warren("shop", broker=url)
        self._workers = Workers(
            folder,
            url,
            processes=chaos.processes,
            variables={
                "WARREN_STORE": chaos.store,
                "CHAOS_CONSUMER": chaos.consumer,
                "CHAOS_EFFECTS": chaos.effects,
                "CHAOS_WORK": str(chaos.work),
                "CHAOS_MUTATION": chaos.mutation.value,
            },
        )

    def run(self) -> Result:
        chaos, began = self._chaos, time.monotonic()
        orders = planned_orders(0, chaos.orders, self._rng, failing=chaos.failing, refused=chaos.refused)
        publishing = Publishing(self._app, orders, lead=chaos.lead, progress=self._progress)
        with self._workers.consuming() as workers:
            self._broker.wait_until_recorded(*all_queues())
            publishing.start()
            try:
                early = self._crash(publishing)
                publishing.finish()
            finally:
                publishing.stop()
            self._app.close()
            exit_codes, late = self._wait_quiet(workers)
            log = workers.log()
        return Result(
            ledger=self._close_ledger(publishing),
            seconds=time.monotonic() - began,
            exit_codes=exit_codes,
            early=early,
            late=late,
            left=Footprint(0, 0, 0.0),
            workers_killed=len(self._workers.killed),
            recovery=self._recovery(),
            log=log,
        )

    def _progress(self) -> float:
        """Return how many orders are done with, as publishing is to count it: it waits for effects and crashes."""
        return min(self._effects.count(), self._next_crash)

    # -- crashing ---------------------------------------------------------------------------

    def _crash(self, publishing: Publishing) -> Footprint:
        """Carry out the crashes as the run progresses; return the spared worker's footprint before the first."""
        chaos = self._chaos
        early: Footprint | None = None
        counts = {
            Victim.NODE: chaos.node_kills,
            Victim.WORKER: chaos.worker_kills,
            Victim.DATABASE: chaos.database_kills,
        }
        for crash in planned_crashes(counts, self._rng):
            self._wait_progress(publishing, crash)
            early = early or self._workers.footprint()
            match crash.victim:
                case Victim.NODE:
                    self._crash_node(publishing)
                case Victim.WORKER:
                    self._workers.wait_victim()
                    self._workers.end_one(chaos.worker_signal, self._rng)
                case Victim.DATABASE:
                    cut_connections(chaos.store)
        self._next_crash = math.inf
        assert early is not None, "nothing was killed"
        return early

    def _wait_progress(self, publishing: Publishing, crash: Crash) -> None:
        self._next_crash = wanted = crash.at * self._chaos.orders

        seen, since = -1, time.monotonic()

        def is_due() -> bool:
            nonlocal seen, since
            publishing.check()
            if crash.victim is Victim.NODE:
                return publishing.confirmed >= wanted
            count = self._effects.count()
            if count != seen:
                seen, since = count, time.monotonic()
            # A worker that is made to lose messages may have lost those that the crash waits for.
            is_stalled = self._chaos.mutation is not Mutation.NONE and time.monotonic() - since > STALLED
            return count >= wanted or is_stalled

        wait_until(
            is_due,
            timeout=DEADLINE,
            message=lambda: (
                f"progress {wanted:.0f}: {publishing.confirmed} confirmed, {self._effects.count()} effects; "
                f"{self._app!r}; the workers logged:\n{self._workers.log()[-4000:]}"
            ),
        )

    def _crash_node(self, publishing: Publishing) -> None:
        chaos = self._chaos
        first = chaos.orders * (len(self._node_kills) + 2)  # numbers nobody else uses
        hurried = planned_orders(first, max(100, chaos.orders // 200), self._rng, failing=0.0, refused=0.0)
        confirmed = publishing.confirmed
        self._app.connect(timeout=60.0)
        publishing.hurry(hurried)
        wait_until(
            lambda: publishing.confirmed > confirmed or not publishing.is_hurrying, interval=0.0, message="a confirm"
        )
        self._broker.node.kill()
        self._node_kills.append(time.monotonic())
        if self._rng.random() < 0.5:
            self._workers.end_one(chaos.worker_signal, self._rng)
        publishing.finish_hurry()
        self._broker.node.start()

    # -- the end ----------------------------------------------------------------------------

    def _wait_quiet(self, workers: Workers) -> tuple[tuple[int, ...], Footprint]:
        """Wait until nothing is left to do, and stop the workers; return their exit codes, and the last footprint.

        Depths tell what is ready, not what is unacknowledged. So the workers are stopped when nothing is ready and
        nothing happens; they return what they hold, and run again if that was anything.
        """
        deadline = time.monotonic() + DEADLINE
        exit_codes = []
        with PlainPika(self._broker.url) as plain:
            while True:
                self._wait_idle(plain, deadline)
                late = workers.footprint()
                exit_codes.append(workers.stop())
                wait_until(lambda: not self._consumers(plain), message="the queues have back what workers held")
                if not self._depths(plain):
                    return tuple(exit_codes), late
                assert time.monotonic() < deadline, f"never quiet: {self._depths(plain)}"
                workers.start()

    def _consumers(self, plain: PlainPika) -> int:
        """A consumer goes with what it held; RabbitMQ says before that that its channel is closed."""
        return sum(plain.consumers(queue) for queue in all_queues())

    def _wait_idle(self, plain: PlainPika, deadline: float) -> None:
        """Wait until all workers consume, nothing is ready, and nothing has happened for a while."""
        count, since = -1, time.monotonic()

        def is_idle() -> bool:
            nonlocal count, since
            now = len(self._workers.records)
            if now != count or self._depths(plain) or not self._workers.all_consume:
                count, since = now, time.monotonic()
            return time.monotonic() - since >= QUIET

        wait_until(
            is_idle,
            timeout=max(0.0, deadline - time.monotonic()),
            interval=0.1,
            message=lambda: (
                f"all is quiet; ready are {self._depths(plain)}; {'all' if self._workers.all_consume else 'not all'} "
                f"workers consume; they logged:\n{self._workers.log()[-4000:]}"
            ),
        )

    def _depths(self, plain: PlainPika) -> dict[str, int]:
        """Return the queues that have something ready, but for the dead-letter queue."""
        depths = {queue: plain.depth(queue) for queue in all_queues() if not queue.endswith(".dead")}
        return {queue: depth for queue, depth in depths.items() if depth}

    def _close_ledger(self, publishing: Publishing) -> Ledger:
        with PlainPika(self._broker.url) as plain:
            letters = [_dead_order(message) for message in plain.drain(f"{QUEUE}.dead")]
        return close_ledger(
            Evidence(
                published=publishing.published,
                effects=self._effects.read(),
                dead=letters,
                records=self._workers.records.read(),
                killed=self._workers.killed,
            )
        )

    def _recovery(self) -> tuple[float, ...]:
        times = [effect.at for effect in self._effects.read()]
        restarted = [next((at for at in times if at > killed + 1.0), float("inf")) for killed in self._node_kills]
        return tuple(at - killed for at, killed in zip(restarted, self._node_kills, strict=True))


def _dead_order(message: PlainMessage) -> DeadOrder:
    reason = message.headers.get("x-warren-dead-reason")
    if reason is None:
        reason = f"by the broker: {message.headers.get('x-first-death-reason')}"
    return DeadOrder(json.loads(message.body)["order_id"], message.properties.message_id or "", str(reason))
