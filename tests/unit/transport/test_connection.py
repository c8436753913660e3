"""The recovery table: whatever a broker, a network and a user do in whatever order, a connection ends well.

Not here: what real brokers and TLS say (tests/contract/test_connection.py).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pika
import pika.exceptions
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowAborted

from tests.support.scripted_broker import ManualIo
from warren.config import BrokerSettings
from warren.errors import BrokerRefused, BrokerUnavailable, WarrenError
from warren.observability import events
from warren.reliability.backoff import Backoff
from warren.transport import connection as module
from warren.transport.connection import CLOSE_DEADLINE, Connection, Recovery, State

URL = "amqp://billing:secret@one,two,three/shop"
REFUSED_LOGIN = pika.exceptions.ProbableAuthenticationError(
    "ConnectionClosedByBroker: (403) 'ACCESS_REFUSED - Login was refused'"
)
UNREACHABLE = ConnectionRefusedError(111, "Connection refused")


class FakeStream:
    """A stream that a test opens, fails and loses."""

    def __init__(
        self,
        parameters: pika.ConnectionParameters,
        *,
        custom_ioloop: Any,
        on_open_callback: Callable[[Any], None],
        on_open_error_callback: Callable[[Any, BaseException], None],
        on_close_callback: Callable[[Any, BaseException], None],
    ) -> None:
        self.parameters = parameters
        self.frame_max = 131_072
        self.state = "connecting"
        self.blocked: list[Callable[..., None]] = []
        self.unblocked: list[Callable[..., None]] = []
        self._loop = custom_ioloop
        self._on_open = on_open_callback
        self._on_open_error = on_open_error_callback
        self._on_close = on_close_callback

    @property
    def is_open(self) -> bool:
        return self.state == "open"

    @property
    def is_closing(self) -> bool:
        return self.state in ("closing", "aborting")

    @property
    def is_closed(self) -> bool:
        return self.state == "closed"

    def add_on_connection_blocked_callback(self, callback: Callable[..., None]) -> None:
        self.blocked.append(callback)

    def add_on_connection_unblocked_callback(self, callback: Callable[..., None]) -> None:
        self.unblocked.append(callback)

    def close(self) -> None:
        """As pika: a connect under way is aborted; an open connection is closed once the broker agrees."""
        assert self.state in ("connecting", "open"), "pika raises ConnectionWrongStateError"
        if self.state == "connecting":
            self.state = "aborting"
            self._loop.call_soon(self.fail, AMQPConnectionWorkflowAborted())
        else:
            self.state = "closing"

    def abort(self) -> None:
        if self.state != "closed":
            was_connecting = self.state == "connecting"
            self.state = "closed"
            callback = self._on_open_error if was_connecting else self._on_close
            self._loop.call_soon(callback, self, pika.exceptions.StreamLostError("aborted"))

    # -- what a test does --------------------------------------------------------------------

    def open(self) -> None:
        self.state = "open"
        self._on_open(self)

    def fail(self, error: BaseException) -> None:
        if self.state != "closed":
            self.state = "closed"
            self._on_open_error(self, error)

    def lose(self, error: BaseException | None = None) -> None:
        self.state = "closed"
        self._on_close(self, error or pika.exceptions.StreamLostError("reset"))


class User:
    """What a publisher or consumer hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.error: WarrenError | None = None

    def connection_opened(self, stream: Any) -> None:
        assert stream.is_open
        self.heard.append("opened")

    def connection_lost(self, reason: str) -> None:
        self.heard.append("lost")

    def connection_closed(self, error: WarrenError) -> None:
        self.heard.append("closed")
        self.error = error

    def connection_blocked(self, reason: str) -> None:
        self.heard.append(f"blocked: {reason}")

    def connection_unblocked(self) -> None:
        self.heard.append("unblocked")


class Scene:
    """A connection whose streams, loop and clock belong to the test."""

    def __init__(
        self, patch: pytest.MonkeyPatch, *, url: str = URL, recovery: Recovery | None = None, seed: int = 7
    ) -> None:
        self.streams: list[FakeStream] = []
        patch.setattr(module, "Stream", self._new_stream)
        self.io = ManualIo()
        self.loop = self.io.loop
        self.events: list[events.Event] = []
        bus = events.EventBus()
        bus.subscribe(self.events.append)
        self.connection = Connection(
            BrokerSettings.parse(url),
            io=self.io,
            bus=bus,
            name="billing",
            recovery=recovery,
            rng=random.Random(seed),
        )
        self.user = User()
        self.connection.attach(self.user)

    def _new_stream(self, *arguments: Any, **options: Any) -> FakeStream:
        stream = FakeStream(*arguments, **options)
        self.streams.append(stream)
        return stream

    @property
    def stream(self) -> FakeStream:
        return self.streams[-1]

    @property
    def hosts(self) -> list[str]:
        return [stream.parameters.host for stream in self.streams]

    def start(self) -> None:
        self.connection.start()
        self.loop.run()

    def ask_to_close(self) -> None:
        """Close as another thread does, without waiting for it."""
        self.io.post(lambda: self.connection._signal(module._Signal.CLOSE))
        self.loop.run()

    def of(self, kind: type[events.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(monkeypatch)


# -- any sequence -------------------------------------------------------------------------------


class AnySequence(RuleBasedStateMachine):
    """Broker, network, time and user act in any order. The table has to hold for each."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.asked_to_close = False

    @initialize(limit=st.sampled_from([None, 1, 3]))
    def begin(self, limit: int | None) -> None:
        self.limit = limit
        self.scene = Scene(self.patch, recovery=Recovery(limit=limit))
        self.scene.start()

    def attempt(self, *states: str) -> FakeStream | None:
        stream = self.scene.stream
        return stream if stream.state in states else None

    @precondition(lambda self: self.attempt("connecting"))
    @rule()
    def broker_accepts(self) -> None:
        self.scene.stream.open()

    @precondition(lambda self: self.attempt("connecting"))
    @rule(error=st.sampled_from([REFUSED_LOGIN, UNREACHABLE]))
    def connecting_fails(self, error: BaseException) -> None:
        self.scene.stream.fail(error)

    @precondition(lambda self: self.attempt("aborting"))
    @rule()
    def connects_at_the_very_moment_it_is_aborted(self) -> None:
        self.scene.stream.open()

    @precondition(lambda self: self.attempt("open", "closing"))
    @rule()
    def connection_is_lost(self) -> None:
        self.scene.stream.lose()

    @rule(seconds=st.sampled_from([0.0, 0.3, CLOSE_DEADLINE, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.scene.loop.advance(seconds)

    @rule()
    def user_closes(self) -> None:
        self.asked_to_close = True
        self.scene.ask_to_close()

    @rule()
    def another_user_comes_and_hears_how_things_stand(self) -> None:
        late = User()
        self.scene.connection.attach(late)
        self.scene.loop.run()
        state = self.scene.connection.state
        expected = {State.OPEN: ["opened"], State.CLOSED: ["closed"]}.get(state, late.heard[:1])
        assert late.heard == expected
        self.scene.connection.detach(late)

    @invariant()
    def one_stream_at_a_time(self) -> None:
        if hasattr(self, "scene"):
            assert sum(not stream.is_closed for stream in self.scene.streams) <= 1

    @invariant()
    def users_hear_openings_and_losses_in_turn_and_the_end_once(self) -> None:
        if not hasattr(self, "scene"):
            return
        heard = [each for each in self.scene.user.heard if each != "closed"]
        assert heard == [("opened", "lost")[number % 2] for number in range(len(heard))]
        assert self.scene.user.heard.count("closed") == (self.scene.connection.state is State.CLOSED)

    @invariant()
    def waiting_threads_go_on_when_it_is_open_or_over(self) -> None:
        if hasattr(self, "scene"):
            connection = self.scene.connection
            if connection.state in (State.OPEN, State.CLOSED):
                assert connection._opened.is_set()
            if connection.state in (State.CONNECTING, State.WAITING):
                assert not connection._opened.is_set()

    def teardown(self) -> None:
        if hasattr(self, "scene"):
            connection = self.scene.connection
            if connection.state is not State.CLOSED and not self.asked_to_close:
                # Left alone it either works or tries again: it never just stands there.
                self.scene.loop.run()
                trying = connection.state in (State.OPEN, State.CONNECTING)
                assert trying or (connection.state is State.WAITING and self.scene.loop.delays)
            self.scene.ask_to_close()
            self.scene.loop.advance(CLOSE_DEADLINE)
            assert connection.state is State.CLOSED
            assert connection._closed.is_set()
            assert all(stream.is_closed for stream in self.scene.streams), "a socket is left open"
            assert isinstance(connection.error, WarrenError)
        self.patch.undo()


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(deadline=None, max_examples=80, stateful_step_count=25)


def test_each_row_of_the_table_names_an_action_there_is() -> None:
    for state, action in module._TABLE.values():
        assert isinstance(state, State)
        assert callable(getattr(Connection, action))


# -- hosts, back-off, limit -----------------------------------------------------------------------


def test_each_host_gets_its_turn_at_once_before_the_first_wait(scene: Scene) -> None:
    scene.start()
    for _ in range(2):
        scene.stream.fail(UNREACHABLE)
        scene.loop.advance(0.0)

    assert sorted(scene.hosts) == ["one", "three", "two"]
    scene.stream.fail(UNREACHABLE)
    assert scene.loop.delays != [0.0], "all hosts are down: now it waits"


def test_the_order_of_hosts_differs_from_process_to_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a fleet does not gather on the first host."""
    firsts = set()
    for seed in range(20):
        scene = Scene(monkeypatch, seed=seed)
        scene.start()
        firsts.add(scene.hosts[0])

    assert firsts == {"one", "two", "three"}


def test_after_a_loss_the_next_host_is_tried_first(scene: Scene) -> None:
    """A host that accepts and then drops connections must not be returned to for ever."""
    scene.start()
    for _ in range(5):
        scene.stream.open()
        scene.stream.lose()
        scene.loop.advance(60.0)

    assert scene.hosts[:3] == scene.hosts[3:6]
    assert len(set(scene.hosts)) == 3


def test_the_wait_grows_with_full_jitter_up_to_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    backoff = Backoff(base=1.0, cap=8.0)
    longest = [0.0] * 8
    for seed in range(60):
        scene = Scene(monkeypatch, url="amqp://one", recovery=Recovery(backoff), seed=seed)
        scene.start()
        for number in range(8):
            scene.stream.fail(UNREACHABLE)
            (delay,) = scene.loop.delays
            longest[number] = max(longest[number], delay)
            scene.loop.advance(delay)

    assert all(at_most / 2 < seen <= at_most for seen, at_most in zip(longest, [2, 4, 8, 8, 8, 8, 8, 8], strict=True))


def test_the_wait_starts_over_after_a_success(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, url="amqp://one", recovery=Recovery(Backoff(base=1.0, cap=1000.0)))
    scene.start()
    for _ in range(9):
        scene.stream.fail(UNREACHABLE)
        scene.loop.advance(1000.0)
    scene.stream.open()
    scene.stream.lose()

    assert scene.loop.delays[0] <= 1.0
    assert [event.attempt for event in scene.of(events.Connected)] == [10]


def test_a_limit_ends_the_tries_with_the_last_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, url="amqp://one", recovery=Recovery(limit=3))
    scene.start()
    for _ in range(3):
        scene.stream.fail(UNREACHABLE)
        scene.loop.advance(60.0)

    assert len(scene.streams) == 3
    assert scene.connection.state is State.CLOSED
    with pytest.raises(BrokerUnavailable, match="connection refused"):
        scene.connection.wait_open(0.0)


def test_without_a_limit_it_tries_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, url="amqp://one")
    scene.start()
    for _ in range(200):
        scene.stream.fail(UNREACHABLE)
        scene.loop.advance(60.0)

    assert len(scene.streams) == 201
    assert scene.connection.state is State.CONNECTING


# -- refusals -------------------------------------------------------------------------------------


def test_a_refusal_before_the_first_success_is_final(scene: Scene) -> None:
    scene.start()
    scene.stream.fail(REFUSED_LOGIN)

    assert isinstance(scene.user.error, BrokerRefused)
    with pytest.raises(BrokerRefused, match="check user and password") as refused:
        scene.connection.wait_open(0.0)
    assert "secret" not in str(refused.value)


def test_a_refusal_after_the_first_success_is_an_outage(scene: Scene) -> None:
    """A cluster that restarts may know its users a little later than its port."""
    scene.start()
    scene.stream.open()
    scene.stream.lose()
    scene.loop.advance(60.0)
    scene.stream.fail(REFUSED_LOGIN)

    assert scene.connection.state is State.WAITING


# -- what users and waiting threads hear ------------------------------------------------------------


def test_events_tell_host_reason_and_attempt(scene: Scene) -> None:
    scene.start()
    scene.stream.fail(UNREACHABLE)
    scene.loop.advance(0.0)
    scene.stream.open()
    scene.stream.lose(pika.exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED - shutdown"))
    host = f"{scene.hosts[1]}:5672"

    assert scene.of(events.Connected) == [events.Connected("billing", host, 2)]
    assert scene.of(events.Disconnected) == [events.Disconnected("billing", host, "320 CONNECTION_FORCED - shutdown")]
    first, second = scene.of(events.Reconnecting)
    assert (first.attempt, first.delay, first.reason) == (2, 0.0, "connection refused: nothing listens there")
    assert second.attempt == 1


def test_alarms_reach_the_users_there_are_and_those_that_come(scene: Scene) -> None:
    scene.start()
    scene.stream.open()
    alarm = pika.frame.Method(0, pika.spec.Connection.Blocked("low on memory"))
    scene.stream.blocked[0](scene.stream, alarm)
    late = User()
    scene.connection.attach(late)
    scene.loop.run()
    scene.stream.unblocked[0](scene.stream, None)

    assert scene.user.heard == ["opened", "blocked: low on memory", "unblocked"]
    assert late.heard == ["opened", "blocked: low on memory", "unblocked"]
    assert [type(event) for event in scene.events[1:]] == [events.Blocked, events.Unblocked]


def test_an_alarm_does_not_outlive_its_connection(scene: Scene) -> None:
    scene.start()
    scene.stream.open()
    scene.stream.blocked[0](scene.stream, pika.frame.Method(0, pika.spec.Connection.Blocked("low on memory")))
    scene.stream.lose()

    assert scene.connection.blocked_reason is None


def test_a_thread_that_waits_is_told_what_is_wrong(scene: Scene) -> None:
    scene.start()
    scene.stream.fail(UNREACHABLE)

    with pytest.raises(BrokerUnavailable) as raised:
        scene.connection.wait_open(0.0)

    assert "within 0 s" in str(raised.value)
    assert "connection refused" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert scene.connection.wait_open_for(0.0) is False


def test_closing_while_connecting_is_no_failure_of_the_broker(scene: Scene) -> None:
    scene.start()
    scene.ask_to_close()

    assert scene.connection.state is State.CLOSED
    assert str(scene.user.error) == "the connection has been closed"
    assert scene.of(events.Reconnecting) == []


def test_closing_while_waiting_tries_no_more(scene: Scene) -> None:
    scene.start()
    scene.stream.fail(UNREACHABLE)
    scene.ask_to_close()
    scene.loop.advance(1000.0)

    assert scene.connection.state is State.CLOSED
    assert len(scene.streams) == 1


def test_a_broker_that_never_agrees_to_close_is_left_after_the_deadline(scene: Scene) -> None:
    scene.start()
    scene.stream.open()
    scene.ask_to_close()
    assert scene.connection.state is State.CLOSING

    scene.loop.advance(CLOSE_DEADLINE)

    assert scene.connection.state is State.CLOSED
    assert scene.stream.is_closed


def test_a_stream_given_up_that_opens_after_all_is_dropped(scene: Scene) -> None:
    scene.start()
    stream = scene.stream
    stream.close = lambda: None  # an abort that never comes to an end
    stream.abort = lambda: setattr(stream, "state", "aborted")
    scene.ask_to_close()
    scene.loop.advance(CLOSE_DEADLINE)
    assert scene.connection.state is State.CLOSED
    stream.state = "connecting"

    stream.open()

    assert stream.state == "aborted"
    assert "opened" not in scene.user.heard


def test_a_detached_user_hears_nothing_more(scene: Scene) -> None:
    scene.start()
    scene.stream.open()
    scene.connection.detach(scene.user)
    scene.connection.detach(scene.user)
    scene.stream.lose()

    assert scene.user.heard == ["opened"]


def test_parameters_carry_what_the_url_says(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch, url="amqp://billing:se%40cret@[::1]:5673/shop?heartbeat=7&connection_timeout=3")
    scene.start()
    parameters = scene.stream.parameters

    assert (parameters.host, parameters.port, parameters.virtual_host) == ("::1", 5673, "shop")
    assert (parameters.credentials.username, parameters.credentials.password) == ("billing", "se@cret")
    assert (parameters.heartbeat, parameters.socket_timeout, parameters.stack_timeout) == (7, 3.0, 3.0)
    assert parameters.client_properties == {"product": "Warren", "connection_name": "billing"}
    assert repr(scene.connection) == "<Connection billing connecting, amqp://billing:***@[::1]:5673/shop>"


# -- channel numbers --------------------------------------------------------------------------------


def test_channel_numbers_are_used_again_once_they_are_released(scene: Scene) -> None:
    """A publisher a request would otherwise run out of the 65,535 there are."""
    connection = scene.connection
    assert [connection.reserve_channel() for _ in range(3)] == [1, 2, 3]
    connection.release_channel(2)

    assert [connection.reserve_channel() for _ in range(2)] == [2, 4]


def test_two_threads_never_get_the_same_channel_number(scene: Scene) -> None:
    numbers: list[int] = []
    start = threading.Barrier(4)

    def reserve() -> None:
        start.wait()
        numbers.extend(scene.connection.reserve_channel() for _ in range(200))

    threads = [threading.Thread(target=reserve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 801))
