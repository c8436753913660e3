"""The frame around every page: its head, the way to the other pages, and what keeps it up to date.

Not here: what the pages show (`pages/`), and who may see them (`access.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, final
from urllib.parse import quote, urlencode

from markupsafe import Markup
from nicegui import ui
from starlette.requests import Request

from warren import __version__
from warren.dashboard.board import Board
from warren.dashboard.fragment import Fragment, render
from warren.dashboard.gate import prefix_of, visitor_of

__all__ = ["Frame", "open_frame"]

_TICK: Final = 0.5  # seconds between two looks at whether there are news

# Where it is, what it is called, and the key that goes there after "g".
PAGES: Final = (
    ("", "Overview", "o"),
    ("dead-letters", "Dead letters", "d"),
    ("types", "Message types", "m"),
    ("audit", "Audit log", "a"),
)

_HEAD: Final = """\
<link rel="icon" href="{static}/favicon.svg">
<link rel="stylesheet" href="{static}/style.css?{version}">
<script src="{static}/theme.js?{version}"></script>
<script src="{static}/keys.js?{version}" defer></script>
<script src="{static}/visit.js?{version}"></script>
"""


@final
class Frame:
    """One browser's view of one page. Use it on the event loop only.

    `user` is who looks, for the audit log. Whatever changes something asks `may_change` first, on the server.
    """

    def __init__(self, board: Board, request: Request) -> None:
        visitor = visitor_of(request)
        self.prefix = prefix_of(request)
        self.user = visitor.name
        self.may_change = board.settings.allow_changes and visitor.may_change
        self.is_logged_in = visitor.is_logged_in
        self._board = board
        self._followed: list[tuple[Callable[[], None], Callable[[], object]]] = []
        self._seen: list[object] = []

    def url(self, *steps: str, **query: str) -> str:
        """Return the address of a page: `url("queues", "billing.invoices")`. Steps are quoted."""
        path = "/".join(quote(step, safe="", errors="replace") for step in steps)
        return f"{self.prefix}/{path}" + (f"?{urlencode(query, errors='replace')}" if query else "")

    def show(
        self,
        content: Callable[[], str],
        *,
        on_act: Callable[[Mapping[str, Any]], Any] | None = None,
        version: Callable[[], object] | None = None,
    ) -> Fragment:
        """Add a fragment here; it is refreshed when `version` changes, which is the snapshot's number by default."""
        ask = version or self._number
        before = ask()  # What comes while the content is made is news.
        fragment = Fragment(content, on_act=on_act)
        self._followed.append((fragment.refresh, ask))
        self._seen.append(before)
        return fragment

    def follow(self, refresh: Callable[[], None], *, version: Callable[[], object] | None = None) -> None:
        """Call `refresh` when `version` changes, which is the snapshot's number by default."""
        ask = version or self._number
        self._followed.append((refresh, ask))
        self._seen.append(ask())

    def _number(self) -> int:
        return self._board.watch.snapshot.number

    def say(self, text: str, *, is_problem: bool = False) -> None:
        """Show a line for a moment; one about a problem until it is dismissed."""
        ui.notify(
            text,
            type="negative" if is_problem else "positive",
            timeout=0 if is_problem else 5000,
            close_button="Dismiss",
        )

    def tick(self) -> None:
        """Refresh what has news."""
        for number, (refresh, ask) in enumerate(self._followed):
            now = ask()
            if self._seen[number] != now:
                self._seen[number] = now
                refresh()


@contextmanager
def open_frame(board: Board, request: Request, *, title: str, here: str) -> Iterator[Frame]:
    """Draw the frame; what is made inside is the page. `here` is the part of the address that names it in PAGES."""
    frame = Frame(board, request)
    ui.page_title(f"{title} · Warren")
    ui.add_head_html(Markup(_HEAD).format(static=frame.url("static"), version=__version__))
    for quasars in ui.context.client.page_container.default_slot.children:
        quasars.tag = "div"  # Quasar's would be a <main> around all of it: that is what is below the head alone.
    frame.show(lambda: _head(board, frame, here))
    with ui.element("main").props("id=main tabindex=-1"):
        yield frame
    ui.timer(_TICK, frame.tick)


def _head(board: Board, frame: Frame, here: str) -> str:
    pages = [{"url": frame.url(path), "name": name, "key": key, "is_here": path == here} for path, name, key in PAGES]
    return render(
        "head.html",
        url=frame.url,
        pages=pages,
        snapshot=board.watch.snapshot,
        interval=board.settings.interval,
        where=_where(board),
        user=frame.user,
        may_change=frame.may_change,
        is_read_only=not board.settings.allow_changes,
        logout=frame.url("logout") if frame.is_logged_in else "",
    )


def _where(board: Board) -> str:
    """Name the broker as people do: never with its login."""
    host = str(board.broker.hosts[0])
    more = f" and {len(board.broker.hosts) - 1} more" if len(board.broker.hosts) > 1 else ""
    virtual_host = "" if board.broker.virtual_host == "/" else f" {board.broker.virtual_host}"
    return f"{host}{more}{virtual_host}"
