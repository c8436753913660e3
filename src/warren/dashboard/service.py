"""The dashboard as a web service: its pages on a FastAPI application, from start to end.

Not here: what the pages show (`pages/`), and who may see them (`access.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, final

from fastapi import FastAPI
from nicegui import Client, core, ui
from nicegui import app as pages_app

from warren.app import Warren
from warren.config import BrokerSettings
from warren.dashboard.access import Authorize, Door, LocalDoor, LoginDoor, Visitor, VouchedDoor
from warren.dashboard.board import Board, own_queues
from warren.dashboard.bound import bind
from warren.dashboard.changes.changes import Changes
from warren.dashboard.changes.trail import Trail
from warren.dashboard.gate import Gate, visitor_of
from warren.dashboard.letters.dead_letters import DeadLetters
from warren.dashboard.letters.masking import Masking
from warren.dashboard.login import Login
from warren.dashboard.pages import add_pages
from warren.dashboard.reads import Reads
from warren.dashboard.sessions import Sessions
from warren.dashboard.settings import DashboardSettings
from warren.dashboard.turns import Turns
from warren.dashboard.watch import Watch
from warren.errors import ConfigurationError
from warren.signals.collect import Collector
from warren.topology.naming import is_kept_beside

__all__ = ["Dashboard"]

_STATIC: Final = Path(__file__).parent / "static"
_RECONNECT: Final = 10.0  # seconds that a page may be cut off before it is made anew
_KEPT_FOR_RECONNECT: Final = 100  # updates of a page that is cut off


@final
class Dashboard:
    """The pages of one broker; a process has one dashboard.

    `broker` is where to look, by default the application's, else $WARREN_BROKER. `authorize` tells who sends a request,
    opens a socket or clicks, where the service has a login of its own; it runs on the event loop. Without it the
    settings' login holds, and without that only this machine may look.
    """

    def __init__(
        self,
        app: Warren | None = None,
        *,
        broker: BrokerSettings | None = None,
        settings: DashboardSettings | None = None,
        authorize: Authorize | None = None,
    ) -> None:
        self._settings = settings or DashboardSettings()
        self._authorize = authorize
        self._broker = broker or (app.broker if app is not None else BrokerSettings.parse())
        turns = Turns()
        collector = Collector(
            self._broker,
            queues=_queues_of(app, self._settings),
            metrics=self._settings.metrics,
            look=self._settings.look,
            may_be_missing=True,
            look_again=self._settings.window / 2,  # so that a window shows what came in it
            turn=partial(turns.take_if_free, what="the watch's look"),
            timeout=self._settings.timeout,
        )
        watch = Watch(
            collector,
            interval=self._settings.interval,
            window=self._settings.window,
            history=self._settings.history,
        )
        masking = Masking.of(app.messages if app else (), hidden_headers=self._settings.hidden_headers)
        letters = DeadLetters(
            self._broker,
            masking=masking,
            turns=turns,
            most=self._settings.most_looked_at,
            timeout=self._settings.timeout,
            lag=max(15.0, 2 * self._settings.interval),
        )
        reads = Reads.of(self._broker, interval=self._settings.interval, timeout=self._settings.timeout)
        self._board = Board(
            settings=self._settings,
            broker=self._broker,
            app=app,
            watch=watch,
            reads=reads,
            turns=turns,
            letters=letters,
            trail=Trail(Path(self._settings.audit_log)),
            changes=self._changes(app, letters, turns) if self._settings.allow_changes else None,
        )

    def _changes(self, app: Warren | None, letters: DeadLetters, turns: Turns) -> Changes:
        return Changes(
            self._broker,
            app=app,
            letters=letters,
            turns=turns,
            audit_log=Path(self._settings.audit_log),
            most=self._settings.most_looked_at,
            timeout=self._settings.timeout,
        )

    def mount(self, api: FastAPI, prefix: str = "/") -> None:
        """Add the pages below `prefix`, such as "/warren"; they begin and end with the service.

        Below "/" add them last: they answer whatever no route before them does. Raises `ConfigurationError` for a
        second dashboard in a process.
        """
        prefix = f"/{prefix.strip('/')}"
        if pages_app.config.has_run_config:
            raise ConfigurationError("a process has one dashboard, and no other pages of NiceGUI")
        pages_app.add_static_files("/static", _STATIC, max_cache_age=0)
        pages_app.add_static_file(local_file=_STATIC / "favicon.svg", url_path="/favicon.ico")
        add_pages(self._board)
        inner = api.router.lifespan_context

        @asynccontextmanager
        async def lifespan(within: Any) -> AsyncIterator[Any]:
            self._board.watch.start()
            self._board.reads.start()
            try:
                async with inner(within) as state:
                    yield state
            finally:
                await self._stop()

        api.router.lifespan_context = lifespan
        ui.run_with(
            api,
            mount_path=prefix,
            title="Warren",
            language="en-US",
            tailwind=False,
            binding_refresh_interval=None,  # nothing is bound
            reconnect_timeout=_RECONNECT,
            message_history_length=_KEPT_FOR_RECONNECT,
            show_welcome_message=False,
        )
        pages_app.config.socket_io_js_transports = ["websocket"]  # a request that waits could not be ended
        bind(core.sio)
        self._guard()

    async def _stop(self) -> None:
        """End everything at once: each may have to wait for a broker that does not answer."""
        board = self._board
        board.turns.stop()
        parts = (board.changes, board.letters, board.reads, board.watch)
        await asyncio.gather(*(asyncio.to_thread(part.stop) for part in parts if part is not None))

    def alone(self, prefix: str = "/") -> FastAPI:
        """Return a service that is the dashboard and nothing else."""
        api = FastAPI(openapi_url=None)
        self.mount(api, prefix)
        return api

    def _guard(self) -> None:
        """Put the gate in front of everything that NiceGUI serves, its socket included."""
        settings, sessions = self._settings, Sessions(self._settings.session)
        door: Door = LocalDoor()
        login = None
        if self._authorize is not None:
            door = VouchedDoor(self._authorize)
        elif settings.password:
            door = LoginDoor(sessions)
            login = Login(sessions, user=settings.user, password=settings.password, lifetime=settings.session)
        pages_app.add_middleware(
            Gate,
            door=door,
            is_local=isinstance(door, LocalDoor),
            allowed_hosts=settings.allowed_hosts,
            login=login,
            public=frozenset(f"/static/{file.name}" for file in _STATIC.iterdir()),
            owner=_owner_of,
        )


def _owner_of(page: str) -> Visitor | None:
    """Return who was shown a page; None for one that is gone."""
    client = Client.instances.get(page)
    return None if client is None else visitor_of(client.request)


def _queues_of(app: Warren | None, settings: DashboardSettings) -> tuple[str, ...]:
    """Return the queues to watch, with what is kept beside them; none stands for all."""
    own = own_queues(app, settings)
    if app is None:
        return own
    beside = [queue.name for queue in app.topology.queues if any(is_kept_beside(name, queue.name) for name in own)]
    return tuple(dict.fromkeys([*own, *beside]))
