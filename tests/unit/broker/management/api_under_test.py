"""The HTTP API of a node without sockets, called as a user would."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from warren.broker.auth import Permission, User, hash_password
from warren.broker.management.api import Api
from warren.broker.management.context import Context, Listener
from warren.broker.management.request import Response
from warren.broker.management.samples import read_all
from warren.broker.node import Node
from warren.broker.statistics import Statistics
from warren.clock import ManualClock


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    content: Any


class ApiUnderTest:
    """Calls the API as a user, guest where none is named. Paths are relative to /api/."""

    def __init__(self, node: Node, clock: ManualClock) -> None:
        self.node = node
        self.clock = clock
        self.statistics = Statistics(lambda: read_all(node))
        self.context = Context(node, self.statistics, [Listener("amqp", "127.0.0.1", 5672)])
        self.api = Api(self.context)

    def call(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        user: str = "guest",
        password: str | None = None,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
        loopback: bool = True,
    ) -> Answer:
        login = base64.b64encode(f"{user}:{password if password is not None else user}".encode()).decode()
        body = raw if raw is not None else b"" if content is None else json.dumps(content).encode()
        sent = {"authorization": f"Basic {login}", **(headers or {})}
        return answer_of(self.api.answer(method, f"/api/{path}", sent, body, loopback=loopback))

    def get(self, path: str, **options: Any) -> Any:
        """Return what a GET answers; it must be 200."""
        answer = self.call("GET", path, **options)
        assert answer.status == 200, answer
        return answer.content

    def put(self, path: str, content: object = None, **options: Any) -> None:
        """PUT something; it must be accepted."""
        answer = self.call("PUT", path, content, **options)
        assert answer.status in (201, 204), answer

    def add_user(self, name: str, *tags: str, vhost: str | None = "/") -> None:
        """Add a user whose password is the name, with all rights in a virtual host."""
        self.node.accounts.put_user(User(name, tags, hash_password(name)))
        if vhost is not None:
            self.node.accounts.put_permission(vhost, name, Permission(".*", ".*", ".*"))

    def sample(self, *, after: float = 5.0) -> None:
        """Let time pass, and take a sample."""
        self.clock.advance(after)
        self.statistics.sample(self.clock.monotonic())


def answer_of(response: Response) -> Answer:
    is_json = response.headers.get("content-type") == "application/json"
    return Answer(response.status, dict(response.headers), json.loads(response.body) if is_json else response.body)
