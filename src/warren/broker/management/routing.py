"""From the path of a request to its handler.

Not here: the routes themselves, which stand at the end of each resource's file.

A virtual host or a queue may have any name, so paths are split before they are decoded: `%2F` is part of a name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

from warren.broker.management.access import Need
from warren.broker.management.request import Refusal, Request, Response

__all__ = ["Handler", "Method", "Route", "Router"]

Method = Literal["GET", "PUT", "POST", "DELETE"]
Handler = Callable[[Request], Response]
_ORDER: Final = ("HEAD", "GET", "PUT", "POST", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Route:
    """A method on a path such as `queues/{vhost}/{queue}`, what it asks of the user, and who answers."""

    method: Method
    path: str
    handler: Handler
    need: Need = Need.MANAGEMENT


class _Resource:
    """All methods of one path."""

    __slots__ = ("names", "routes")

    def __init__(self, segments: Iterable[str]) -> None:
        self.names = tuple(segment[1:-1] if segment.startswith("{") else None for segment in segments)
        self.routes: dict[str, Route] = {}

    @property
    def allow(self) -> str:
        """What RabbitMQ's `allow` header says."""
        allowed = {*self.routes, "OPTIONS"} | ({"HEAD"} if "GET" in self.routes else set())
        return ", ".join(method for method in _ORDER if method in allowed)


class Router:
    """All routes, by the shape of their paths. A fixed segment goes before a variable one."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._resources: dict[tuple[str, ...], _Resource] = {}
        for route in routes:
            segments = tuple(route.path.split("/"))
            shape = tuple("{}" if segment.startswith("{") else segment for segment in segments)
            self._resources.setdefault(shape, _Resource(segments)).routes[route.method] = route

    def find(self, method: str, path: str) -> tuple[Route | Response, Mapping[str, str]]:
        """Return the route and the variables of its path, or the response itself. Raises 404 for an unknown path."""
        segments = path.rstrip("/").split("/") if path != "/" else [""]
        resource = self._match(tuple(segments))
        if resource is None:
            raise Refusal.missing()
        if method == "OPTIONS":
            return Response(200, headers={"allow": resource.allow}), {}
        route = resource.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            return Response(405, headers={"allow": resource.allow}), {}
        named = zip(resource.names, segments, strict=True)
        return route, {name: unquote(segment, errors="surrogateescape") for name, segment in named if name}

    def _match(self, segments: tuple[str, ...], shape: tuple[str, ...] = ()) -> _Resource | None:
        if len(shape) == len(segments):
            return self._resources.get(shape)
        for option in (segments[len(shape)], "{}"):
            found = self._match(segments, (*shape, option))
            if found is not None:
                return found
        return None
