"""Users and what they may do: passwords, tags, permissions and topic permissions of each virtual host.

Not here: the login methods of AMQP (`session.py`), the HTTP API's rules for tags (`management/access.py`).

Permissions are regular expressions found anywhere in a name, as RabbitMQ has them: `^` and `$` anchor, and an empty
one allows the empty name only. Passwords are kept as RabbitMQ keeps them, so that its definitions can be imported.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from warren.broker.replies import access_refused

__all__ = [
    "HASHING",
    "HASHINGS",
    "Access",
    "Accounts",
    "Define",
    "LoginRefused",
    "Permission",
    "TopicPermission",
    "User",
    "hash_password",
    "is_password_hash",
    "pattern",
]

HASHINGS: Final = {
    "rabbit_password_hashing_sha256": "sha256",
    "rabbit_password_hashing_sha512": "sha512",
    "rabbit_password_hashing_md5": "md5",
}
"""RabbitMQ's names of the hashes that definitions may carry."""

HASHING: Final = "rabbit_password_hashing_sha256"
"""How new passwords are kept."""

_SALT: Final = 4  # bytes, in front of the hash
_LARGEST_CACHE: Final = 20_000

_Key = tuple[str, ...]
Define = Callable[[str, _Key, Mapping[str, Any] | None], object]
"""Storage's `define(kind, key, value)`: keeps a definition over a restart, or forgets it (None)."""


class Access(StrEnum):
    """The three things a permission allows."""

    CONFIGURE = "configure"
    WRITE = "write"
    READ = "read"


@dataclass(frozen=True, slots=True)
class User:
    """An account. Without a `password_hash` it cannot log in with a password."""

    name: str
    tags: tuple[str, ...] = ()
    password_hash: str = field(default="", repr=False)
    hashing: str = HASHING
    limits: Mapping[str, int] = field(default_factory=dict)

    def has_password(self, password: str) -> bool:
        """Return whether this is the user's password. An empty one never is."""
        if not self.password_hash or not password:
            return False
        salted = base64.b64decode(self.password_hash)
        return hmac.compare_digest(_hash(password, salted[:_SALT], self.hashing), salted)


@dataclass(frozen=True, slots=True)
class Permission:
    """What a user may configure, write and read in a virtual host."""

    configure: str
    write: str
    read: str


@dataclass(frozen=True, slots=True)
class TopicPermission:
    """The routing keys a user may publish with (`write`) and bind with (`read`) on one topic exchange."""

    write: str
    read: str


class LoginRefused(Exception):
    """The login is not accepted; `reason` is for the log, never for the client."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """Return what RabbitMQ stores for a password: base64 of a 4-byte salt and SHA-256 of salt and password."""
    chosen = os.urandom(_SALT) if salt is None else salt
    return base64.b64encode(_hash(password, chosen, HASHING)).decode()


def is_password_hash(text: str) -> bool:
    """Return whether `text` can be a stored password: base64. Empty is that of a user without a password."""
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _hash(password: str, salt: bytes, hashing: str) -> bytes:
    raw = password.encode("utf-8", "surrogateescape")
    return salt + hashlib.new(HASHINGS[hashing], salt + raw, usedforsecurity=False).digest()


# The few things that RabbitMQ's expressions (PCRE) spell otherwise than Python's.
_SPELLINGS: Final = (
    (re.compile(r"\(\?<(?=[A-Za-z_])"), "(?P<"),
    (re.compile(r"(?<!\\)\\Z"), r"(?=\\n?\\Z)"),
    (re.compile(r"(?<!\\)\\z"), r"\\Z"),
    (re.compile(r"\[:alnum:\]"), "A-Za-z0-9"),
    (re.compile(r"\[:alpha:\]"), "A-Za-z"),
    (re.compile(r"\[:digit:\]"), "0-9"),
    (re.compile(r"\[:lower:\]"), "a-z"),
    (re.compile(r"\[:upper:\]"), "A-Z"),
    (re.compile(r"\[:space:\]"), r"\\s"),
    (re.compile(r"\[:xdigit:\]"), "A-Fa-f0-9"),
)


@lru_cache(1024)
def pattern(text: str) -> re.Pattern[str]:
    """Compile a regular expression as RabbitMQ reads it. Raises re.error where it is none."""
    for spelled, instead in _SPELLINGS:
        text = spelled.sub(instead, text)
    return re.compile(text)


class Accounts:
    """All users and permissions of a node. `version` changes with each change: what was derived from it may be kept."""

    def __init__(self, define: Define) -> None:
        self._define = define
        self.version = 0
        self.users: dict[str, User] = {}
        self.permissions: dict[tuple[str, str], Permission] = {}  # (vhost, user)
        self.topic_permissions: dict[tuple[str, str, str], TopicPermission] = {}  # (vhost, user, exchange)
        self._allowed: dict[tuple[str, str, Access, str], bool] = {}  # for this version only

    # -- logging in ---------------------------------------------------------------------------

    def authenticate(self, name: str, password: str, *, loopback: bool) -> User:
        """Return the user who logs in. Raises LoginRefused. `guest` only from the machine itself (`loopback`)."""
        user = self.users.get(name)
        if user is None or not user.has_password(password):
            raise LoginRefused(f"user '{name}' - invalid credentials")
        if name == "guest" and not loopback:
            raise LoginRefused("user 'guest' can only connect via localhost")
        return user

    def may_enter(self, user: str, vhost: str) -> bool:
        """Return whether the user has any permission in the virtual host."""
        return (vhost, user) in self.permissions

    # -- checks -------------------------------------------------------------------------------

    def allows(self, user: str, vhost: str, access: Access, name: str) -> bool:
        """Return whether the user may do that with the exchange or queue. The default exchange is `amq.default`."""
        asked = (user, vhost, access, name)
        known = self._allowed.get(asked)
        if known is None:
            if len(self._allowed) >= _LARGEST_CACHE:
                self._allowed.clear()
            known = self._allowed[asked] = self._matches(user, vhost, access, name or "amq.default")
        return known

    def check(self, user: str, vhost: str, access: Access, kind: str, name: str) -> None:
        """Raise 403 unless the user may do that with the `kind` ("exchange" or "queue") of that name."""
        if not self.allows(user, vhost, access, name):
            resource = f"{kind} '{name or 'amq.default'}' in vhost '{vhost}'"
            raise access_refused(f"{access} access to {resource} refused for user '{user}'")

    def has_topic_permissions(self, user: str, vhost: str) -> bool:
        """Return whether any exchange restricts the user's routing keys: if not, they need no check."""
        return any(key[:2] == (vhost, user) for key in self.topic_permissions)

    def check_topic(self, user: str, vhost: str, access: Access, exchange: str, routing_key: str) -> None:
        """Raise 403 unless the user may use the routing key on that topic exchange."""
        granted = self.topic_permissions.get((vhost, user, exchange))
        if granted is None:
            return
        text = granted.write if access is Access.WRITE else granted.read
        expanded = text.replace("{username}", user).replace("{vhost}", vhost)
        if not pattern(expanded or "^$").search(routing_key):
            resource = f"topic '{routing_key}' in exchange '{exchange}' in vhost '{vhost}'"
            raise access_refused(f"{access} access to {resource} refused for user '{user}'")

    def _matches(self, user: str, vhost: str, access: Access, name: str) -> bool:
        granted = self.permissions.get((vhost, user))
        if granted is None:
            return False
        return pattern(getattr(granted, access) or "^$").search(name) is not None

    # -- changes ------------------------------------------------------------------------------

    def put_user(self, user: User) -> None:
        """Create or replace a user."""
        if self.users.get(user.name) == user:
            return
        self.users[user.name] = user
        self._changed("user", (user.name,), _user_value(user))

    def set_limit(self, name: str, limit: str, value: int | None) -> None:
        """Set or clear one of the user's limits, such as `max-connections`."""
        user = self.users[name]
        limits = {key: kept for key, kept in user.limits.items() if key != limit}
        self.put_user(replace(user, limits=limits if value is None else {**limits, limit: value}))

    def delete_user(self, name: str) -> None:
        """Remove a user and all permissions of theirs."""
        for topic in [key for key in self.topic_permissions if key[1] == name]:
            self.clear_topic_permission(*topic)
        for key in [key for key in self.permissions if key[1] == name]:
            self.clear_permission(*key)
        del self.users[name]
        self._changed("user", (name,), None)

    def put_permission(self, vhost: str, user: str, permission: Permission) -> None:
        """Grant a user something in a virtual host. Raises re.error for what is no regular expression."""
        _compile_all((permission.configure, permission.write, permission.read))
        if self.permissions.get((vhost, user)) == permission:
            return
        self.permissions[vhost, user] = permission
        value = {"configure": permission.configure, "write": permission.write, "read": permission.read}
        self._changed("permission", (vhost, user), value)

    def clear_permission(self, vhost: str, user: str) -> None:
        """Take from a user all there is in a virtual host. KeyError where there is none."""
        del self.permissions[vhost, user]
        self._changed("permission", (vhost, user), None)

    def put_topic_permission(self, vhost: str, user: str, exchange: str, permission: TopicPermission) -> None:
        """Restrict the routing keys of a user on a topic exchange. Raises re.error for what is no expression."""
        _compile_all((permission.write, permission.read))
        self.topic_permissions[vhost, user, exchange] = permission
        value = {"write": permission.write, "read": permission.read}
        self._changed("topic_permission", (vhost, user, exchange), value)

    def clear_topic_permission(self, vhost: str, user: str, exchange: str) -> None:
        """Take the restriction away. KeyError where there is none."""
        del self.topic_permissions[vhost, user, exchange]
        self._changed("topic_permission", (vhost, user, exchange), None)

    def vhost_deleted(self, vhost: str) -> None:
        """Forget all permissions in a virtual host that is no more."""
        for topic in [key for key in self.topic_permissions if key[0] == vhost]:
            self.clear_topic_permission(*topic)
        for key in [key for key in self.permissions if key[0] == vhost]:
            self.clear_permission(*key)

    def restore(self, kind: str, key: _Key, value: Mapping[str, Any]) -> None:
        """Take over a definition that storage kept: of kind user, permission or topic_permission."""
        match kind, key:
            case "user", (name,):
                limits = dict(value["limits"])
                self.users[name] = User(name, tuple(value["tags"]), value["password_hash"], value["hashing"], limits)
            case "permission", (vhost, user):
                self.permissions[vhost, user] = Permission(**value)
            case "topic_permission", (vhost, user, exchange):
                self.topic_permissions[vhost, user, exchange] = TopicPermission(**value)
            case _:
                raise ValueError(f"accounts keep nothing of kind {kind!r} with the key {key!r}")
        self._forget()

    def definitions(self) -> Iterator[tuple[str, _Key, Mapping[str, Any]]]:
        """Everything as storage keeps it, in an order in which it can be restored."""
        for user in self.users.values():
            yield "user", (user.name,), _user_value(user)
        for key, one in self.permissions.items():
            yield "permission", key, {"configure": one.configure, "write": one.write, "read": one.read}
        for topic, granted in self.topic_permissions.items():
            yield "topic_permission", topic, {"write": granted.write, "read": granted.read}

    def _changed(self, kind: str, key: _Key, value: Mapping[str, Any] | None) -> None:
        self._forget()
        self._define(kind, key, value)

    def _forget(self) -> None:
        self.version += 1
        self._allowed.clear()


def _user_value(user: User) -> dict[str, Any]:
    return {
        "tags": list(user.tags),
        "password_hash": user.password_hash,
        "hashing": user.hashing,
        "limits": dict(user.limits),
    }


def _compile_all(texts: Iterable[str]) -> None:
    for text in texts:
        pattern(text)
