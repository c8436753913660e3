"""A scenario and what it is given: a fresh virtual host of one broker, and as many connections as it opens.

Not here: the words spoken on a channel (raw/words.py), which scenarios there are (scenarios/).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.differential.management import management_call
from tests.differential.raw.channel import Channel
from tests.differential.raw.connection import Connection
from tests.differential.transcript import FAILED, Symbols, Transcript
from tests.differential.vhosts import Vhosts

__all__ = ["SCENARIOS", "Place", "Scenario", "Script", "each", "observe", "scenario"]

_QUIET = 0.04  # Seconds in which nothing more may come at the end of a scenario.


@dataclass(frozen=True, slots=True)
class Place:
    """Where a broker under test listens."""

    name: str  # "rabbitmq-4.0"
    port: int
    management_port: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """A script with its name, which is a sentence."""

    name: str
    subject: str  # The module it stands in.
    play: Callable[[Script], None]
    is_private: bool  # It may do anything by the management API: its virtual host serves no other scenario.


SCENARIOS: dict[str, Scenario] = {}


def scenario(play: Callable[..., None]) -> Callable[..., None]:
    """Register a function as a scenario, named by its own name. It takes `s` (the script), `ch` (a channel) or both."""
    _register(_sentence(play), play, ())
    return play


def each(*cases: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function as one scenario a case: an argument, or a tuple of them, given after `s` and `ch`."""

    def register(play: Callable[..., None]) -> Callable[..., None]:
        for case in cases:
            values = case if isinstance(case, tuple) else (case,)
            shown = ", ".join(map(_shown, values))
            _register(f"{_sentence(play)} ({shown})", play, values)
        return play

    return register


def _sentence(play: Callable[..., None]) -> str:
    return play.__name__.strip("_").replace("_", " ")


def _shown(value: Any) -> str:
    """Return an argument as it stands in the name of a scenario: short, and on one line."""
    text = (value if isinstance(value, str) else repr(value)).replace("\n", "\\n")
    return text if len(text) <= 150 else f"{text[:20]}… {len(text)} long"


def _register(name: str, play: Callable[..., None], values: tuple[Any, ...]) -> None:
    wanted = [word for word in inspect.signature(play).parameters if word in ("s", "ch")]

    def run(script: Script) -> None:
        play(*({"s": lambda: script, "ch": script.channel}[want]() for want in wanted), *values)

    if name in SCENARIOS:
        raise ValueError(f"there are two scenarios named {name!r}")
    is_private = "s.api(" in inspect.getsource(play)
    SCENARIOS[name] = Scenario(name, play.__module__.rpartition(".")[2], run, is_private)


class Script:
    """What a running scenario uses: connections, channels and the management API of its virtual host."""

    def __init__(self, place: Place, vhost: str) -> None:
        self.vhost = vhost
        self.transcript = Transcript(Symbols(vhost))
        self._place = place
        self._connections: list[Connection] = []

    def socket(self) -> Connection:
        """Connect and send nothing."""
        connection = Connection(self._place.port, f"connection {len(self._connections) + 1}", self.transcript)
        self._connections.append(connection)
        return connection

    def connect(self, **options: Any) -> Connection:
        """Connect and go through the handshake (options of Connection.handshake), which leaves lines if it fails."""
        return self.socket().handshake(**({"vhost": self.vhost, "silent": True} | options))

    def channel(self) -> Channel:
        """Return a new channel of the first connection."""
        connection = self._connections[0] if self._connections else self.connect()
        return connection.channel()

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the management API; `{vhost}` in the path is the scenario's own."""
        return management_call(
            self._place.management_port, method, path.replace("{vhost}", quote(self.vhost, safe="")), body
        )

    def policy(
        self, pattern: str, apply_to: str = "queues", *, priority: int = 0, name: str = "p", **rules: Any
    ) -> None:
        definition = {key.replace("_", "-"): value for key, value in rules.items()}
        self.api(
            "PUT",
            f"policies/{{vhost}}/{name}",
            {"pattern": pattern, "definition": definition, "priority": priority, "apply-to": apply_to},
        )

    def user(self, *, configure: str = "", write: str = "", read: str = "", tags: str = "") -> Connection:
        """Connect as a new user with these permissions on the virtual host."""
        name = f"user-{self.vhost}"
        self.api("PUT", f"users/{name}", {"password": "secret", "tags": tags})
        self.api("PUT", f"permissions/{{vhost}}/{name}", {"configure": configure, "write": write, "read": read})
        return self.connect(user=name, password="secret")

    def finish(self) -> None:
        for connection in self._connections:
            connection.finish(_QUIET)


def observe(scenario: Scenario, place: Place, vhosts: Vhosts) -> list[str]:
    """Play a scenario in an empty virtual host and return what was observed."""
    with vhosts.lend(is_private=scenario.is_private) as vhost:
        script = Script(place, vhost)
        try:
            scenario.play(script)
        except Exception as error:  # An unexpected answer may lead a script astray: that is an observation too.
            script.transcript.add("script", f"{FAILED} {type(error).__name__}: {error}")
        script.finish()
        return script.transcript.lines()
