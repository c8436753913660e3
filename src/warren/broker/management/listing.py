"""Lists and objects as the query asks for them: columns, order and pages.

Not here: what is in them (each resource's file).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from warren.broker.auth import pattern
from warren.broker.management.request import Refusal, Request, Response, bad_request, respond

__all__ = ["Json", "respond_list", "respond_one"]

Json = dict[str, Any]

_DEFAULT_PAGE: Final = 100
_LARGEST_PAGE: Final = 500
_ABSENT: Final = object()


def respond_one(request: Request, content: Json) -> Response:
    """Respond with one object, of which the query may choose columns."""
    columns = _columns(request)
    return respond(_chosen(content, columns) if columns else content)


def respond_list(request: Request, items: Sequence[Json], *, order: Sequence[str], paged: bool = False) -> Response:
    """Respond with a list, sorted by `order` where the query does not say. Some of RabbitMQ's lists are `paged`."""
    columns = _columns(request)
    if not paged or "page" not in request.query:
        found = _sorted(request, items, order)
        return respond([_chosen(item, columns) for item in found] if columns else found)
    page, size = _page(request)
    found = _sorted(request, _named(request, items), order)
    first = (page - 1) * size
    if first >= len(found) and page > 1:
        text = f"Page out of range, page: {page} page size: {size}, len: {len(found)}"
        raise Refusal(400, "page_out_of_range", text)
    shown = found[first : first + size]
    return respond(
        {
            "filtered_count": len(found),
            "item_count": len(shown),
            "items": [_chosen(item, columns) for item in shown] if columns else shown,
            "page": page,
            "page_count": max(1, -(-len(found) // size)),
            "page_size": size,
            "total_count": len(items),
        }
    )


# -- pages --------------------------------------------------------------------------------


def _page(request: Request) -> tuple[int, int]:
    try:
        page, size = int(request.query["page"]), int(request.query.get("page_size", _DEFAULT_PAGE))
    except ValueError:
        raise bad_request("Pagination parameters are invalid") from None
    if page < 1 or not 1 <= size <= _LARGEST_PAGE:
        told = request.query.get("page_size", "undefined")
        text = f"Invalid pagination parameters: page number {page}, page size {told}"
        raise Refusal(400, "invalid_pagination_parameters", text)
    return page, size


def _named(request: Request, items: Sequence[Json]) -> Sequence[Json]:
    wanted = request.query.get("name", "")
    if not wanted:
        return items
    if not request.wants("use_regex"):
        return [item for item in items if wanted.lower() in str(item["name"]).lower()]
    try:
        expression = pattern(f"(?i){wanted}")
    except re.error:
        raise bad_request("Pagination parameters are invalid") from None
    return [item for item in items if expression.search(str(item["name"]))]


# -- order --------------------------------------------------------------------------------


def _sorted(request: Request, items: Sequence[Json], order: Sequence[str]) -> list[Json]:
    wanted = request.query.get("sort")
    fields = [wanted, *order] if wanted else order
    found = sorted(items, key=lambda item: [_rank(_dig(item, field.split("."))) for field in fields])
    if request.wants("sort_reverse"):
        found.reverse()
    return found


def _rank(value: object) -> tuple[int, Any]:
    """Erlang's order of types, as far as JSON has them; what is absent comes first."""
    match value:
        case bool():
            return 2, str(value)
        case int() | float():
            return 1, value
        case str():
            return 4, value
        case _:
            return (0, 0) if value is _ABSENT else (3, str(value))


def _dig(item: object, path: Sequence[str]) -> object:
    for name in path:
        if not isinstance(item, Mapping) or name not in item:
            return _ABSENT
        item = item[name]
    return item


# -- columns ------------------------------------------------------------------------------


def _columns(request: Request) -> list[list[str]]:
    told = request.query.get("columns", "")
    return [column.split(".") for column in told.split(",") if column]


def _chosen(item: object, columns: Sequence[Sequence[str]]) -> Any:
    """Return the part of `item` that the columns name; in a list, of each element."""
    if isinstance(item, list):
        return [_chosen(element, columns) for element in item]
    if not isinstance(item, Mapping):
        return item
    chosen: Json = {}
    for name, value in item.items():
        deeper = [column[1:] for column in columns if column[0] == name]
        if deeper:
            chosen[name] = value if [] in deeper else _chosen(value, deeper)
    return chosen
