"""Users: list, create, change, delete; and who is asking.

Not here: what they may do (`permissions.py`) and how much of it (`limits.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from warren.broker.auth import HASHING, HASHINGS, User, hash_password, is_password_hash
from warren.broker.management.access import Need
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.request import (
    CREATED,
    NO_CONTENT,
    Refusal,
    Request,
    Response,
    bad_request,
    respond,
)
from warren.broker.management.routing import Route

__all__ = ["ROUTES", "delete_user", "find_user", "tag_list", "user_json", "user_of"]


def user_json(user: User) -> Json:
    """Return a user as the API and definitions show it."""
    return {
        "name": user.name,
        "password_hash": user.password_hash,
        "hashing_algorithm": user.hashing,
        "tags": list(user.tags),
        "limits": dict(user.limits),
    }


def find_user(request: Request) -> User:
    """Return the user of the path. Raises 404."""
    user = request.node.accounts.users.get(request.path["user"])
    if user is None:
        raise Refusal.missing()
    return user


def user_of(name: str, told: Mapping[str, Any], known: User | None) -> User:
    """Return the user that a request or a definition describes. Raises 400.

    A password that is not told leaves a user without one, as in RabbitMQ; limits stay.
    """
    if "tags" not in told:
        raise bad_request("tags_not_present")
    if "password" in told and "password_hash" in told:
        raise bad_request("both_password_and_password_hash_are_provided")
    tags, limits = tuple(tag_list(told["tags"])), _limits(told, known)
    if "password" in told:
        return User(name, tags, hash_password(str(told["password"])), limits=limits)
    stored = str(told.get("password_hash", ""))
    if not is_password_hash(stored):
        raise bad_request(["not_base64", stored])
    hashing = str(told.get("hashing_algorithm", HASHING))
    return User(name, tags, stored, hashing if hashing in HASHINGS else HASHING, limits)


def tag_list(told: object) -> list[str]:
    """Return tags that come as a list, or as a text with commas."""
    texts = told.split(",") if isinstance(told, str) else [str(tag) for tag in told] if isinstance(told, list) else []
    return [text.strip() for text in texts if text.strip()]


def _limits(told: Mapping[str, Any], known: User | None) -> Mapping[str, int]:
    limits = told.get("limits")
    if isinstance(limits, dict):
        return {str(name): int(value) for name, value in limits.items()}
    return known.limits if known else {}


def delete_user(request: Request, name: str) -> None:
    """Delete a user, and close their connections."""
    request.node.accounts.delete_user(name)
    for connection in [one for one in request.node.connections if one.user == name]:
        connection.close_by_operator(f"user '{name}' is deleted")


# -- handlers -----------------------------------------------------------------------------


def _whoami(request: Request) -> Response:
    return respond({"name": request.user.name, "tags": list(request.user.tags), "is_internal_user": True})


def _list(request: Request) -> Response:
    users = [user_json(user) for user in request.node.accounts.users.values()]
    return respond_list(request, users, order=("name",), paged=True)


def _list_without_permissions(request: Request) -> Response:
    accounts = request.node.accounts
    permitted = {user for _, user in accounts.permissions}
    users = [user_json(user) for name, user in accounts.users.items() if name not in permitted]
    return respond_list(request, users, order=("name",))


def _read(request: Request) -> Response:
    return respond_one(request, user_json(find_user(request)))


def _put(request: Request) -> Response:
    name = request.path["user"]
    known = request.node.accounts.users.get(name)
    request.node.accounts.put_user(user_of(name, request.content(), known))
    return NO_CONTENT if known else CREATED


def _delete(request: Request) -> Response:
    delete_user(request, find_user(request).name)
    return NO_CONTENT


def _delete_many(request: Request) -> Response:
    names = request.content("users")["users"]
    for name in names if isinstance(names, list) else ():
        if isinstance(name, str) and name in request.node.accounts.users:
            delete_user(request, name)
    return NO_CONTENT


ROUTES: Final = (
    Route("GET", "whoami", _whoami),
    Route("GET", "users", _list, Need.ADMINISTRATOR),
    Route("GET", "users/without-permissions", _list_without_permissions, Need.ADMINISTRATOR),
    Route("POST", "users/bulk-delete", _delete_many, Need.ADMINISTRATOR),
    Route("GET", "users/{user}", _read, Need.ADMINISTRATOR),
    Route("PUT", "users/{user}", _put, Need.ADMINISTRATOR),
    Route("DELETE", "users/{user}", _delete, Need.ADMINISTRATOR),
)
