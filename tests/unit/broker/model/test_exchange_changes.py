"""Routing while exchanges, queues and bindings come and go, against a model that keeps no routes."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.routing_stage import RoutingStage

TYPES = {"d": "direct", "f": "fanout", "t": "topic", "a": "direct"}  # `a` has `f` as its alternate
EXCHANGES = st.sampled_from(sorted(TYPES))
QUEUES = st.sampled_from(["q1", "q2", "q3"])
KEYS = st.sampled_from(["k", "l", "#"])
UNDO = st.sampled_from([False, False, True])


class Routing(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stage = RoutingStage()
        self.bindings: set[tuple[str, str, str, str]] = set()  # source, kind, destination, key
        self.there: set[str] = set()
        for name in TYPES:
            self.declare_exchange(name)
        for name in ("q1", "q2", "q3"):
            self.declare_queue(name)

    @rule(name=EXCHANGES)
    def declare_exchange(self, name: str) -> None:
        arguments = {"alternate-exchange": "f"} if name == "a" else {}
        self.stage.exchange(name, TYPES[name], arguments=arguments)
        self.there.add(name)

    @rule(name=QUEUES)
    def declare_queue(self, name: str) -> None:
        self.stage.queues(name)
        self.there.add(name)

    @rule(name=EXCHANGES | QUEUES, for_good=UNDO)
    def delete(self, name: str, for_good: bool = True) -> None:
        self.bindings = {one for one in self.bindings if name not in (one[0], one[2])}
        self.there.discard(name)
        if name in TYPES:
            self.stage.vhost.delete_exchange(name)
        else:
            self.stage.vhost.delete_queue(name)
        if not for_good:
            (self.declare_exchange if name in TYPES else self.declare_queue)(name)

    @rule(source=EXCHANGES, destination=EXCHANGES | QUEUES, key=KEYS, undo=UNDO)
    def bind(self, source: str, destination: str, key: str, undo: bool) -> None:
        kind = "exchange" if destination in TYPES else "queue"
        if undo:
            self.stage.vhost.unbind(kind, destination, source, key)
            self.bindings.discard((source, kind, destination, key))
        elif {source, destination} <= self.there:
            self.stage.vhost.bind(kind, destination, source, key)
            self.bindings.add((source, kind, destination, key))

    @invariant()
    def every_message_goes_where_the_bindings_lead(self) -> None:
        for exchange in TYPES:
            for key in ("k", "l"):
                assert self.stage.send(exchange, key) == sorted(self.reached(exchange, key))
                assert self.stage.send(exchange, key, {"CC": ["k"]}) == sorted(self.reached(exchange, key, "k"))

    def reached(self, start: str, *keys: str) -> set[str]:
        queues: set[str] = set()
        visited: set[str] = set()
        to_visit = [start] if start in self.there else []
        while to_visit:
            exchange = to_visit.pop()
            if exchange in visited:
                continue
            visited.add(exchange)
            passed = {
                (kind, destination)
                for source, kind, destination, pattern in self.bindings
                if source == exchange and self.passes(TYPES[exchange], pattern, keys)
            }
            if not passed and exchange == "a" and "f" in self.there:
                passed = {("exchange", "f")}
            to_visit += [destination for kind, destination in passed if kind == "exchange"]
            queues |= {destination for kind, destination in passed if kind == "queue"}
        return queues

    @staticmethod
    def passes(kind: str, pattern: str, keys: tuple[str, ...]) -> bool:
        return kind == "fanout" or pattern in keys or (kind == "topic" and pattern == "#")

    def teardown(self) -> None:
        for name in (*TYPES, "q1", "q2", "q3"):
            self.delete(name)
        assert len(self.stage.vhost.bindings) == 0


TestRouting = Routing.TestCase
TestRouting.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
