"""Users, passwords and permissions of the embedded broker."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.broker.auth import (
    Access,
    Accounts,
    LoginRefused,
    Permission,
    TopicPermission,
    User,
    hash_password,
    is_password_hash,
)
from warren.broker.replies import ChannelClosed

Kept = dict[tuple[str, tuple[str, ...]], Mapping[str, Any]]


@pytest.fixture
def kept() -> Kept:
    return {}


@pytest.fixture
def accounts(kept: Kept) -> Accounts:
    return Accounts(_into(kept))


def _into(kept: Kept) -> Any:
    def define(kind: str, key: tuple[str, ...], value: Mapping[str, Any] | None) -> None:
        if value is None:
            del kept[kind, key]
        else:
            kept[kind, key] = value

    return define


def add(accounts: Accounts, name: str, password: str = "secret", *, tags: tuple[str, ...] = ()) -> None:
    accounts.put_user(User(name, tags, hash_password(password)))


# -- passwords ----------------------------------------------------------------------------


def test_a_hash_made_by_rabbitmq_is_recognised() -> None:
    # RabbitMQ 4.0.5 stored this for the password "a".
    user = User("a", (), "SWUUCbvsUY5/2JhSfTs5tDTcB+yHry1JmNZOLJKFr0UHdwGO")
    assert user.has_password("a")
    assert not user.has_password("b")


@given(st.text(min_size=1), st.text())
def test_only_the_password_itself_is_accepted(password: str, other: str) -> None:
    user = User("u", (), hash_password(password))
    assert user.has_password(password)
    assert user.has_password(other) == (other == password)


def test_the_same_password_is_stored_differently_each_time() -> None:
    assert hash_password("same") != hash_password("same")


@pytest.mark.parametrize("hashing", ["sha512", "md5"])
def test_other_hashes_of_rabbitmq_can_be_imported(hashing: str) -> None:
    salt = b"salt"
    stored = base64.b64encode(salt + hashlib.new(hashing, salt + b"old").digest()).decode()
    user = User("u", (), stored, f"rabbit_password_hashing_{hashing}")
    assert user.has_password("old")
    assert not user.has_password("new")


def test_a_user_without_a_password_cannot_log_in_with_one() -> None:
    assert not User("u").has_password("")
    assert not User("u", (), hash_password("")).has_password("")


def test_what_is_not_base64_is_no_password_hash() -> None:
    assert is_password_hash("")
    assert is_password_hash(hash_password("x"))
    assert not is_password_hash("%%")


def test_the_hash_is_not_shown() -> None:
    assert "SWUU" not in repr(User("a", (), "SWUUCbvsUY5/2JhSfTs5tDTcB+yHry1JmNZOLJKFr0UHdwGO"))


# -- logging in ---------------------------------------------------------------------------


def test_a_login_returns_the_user(accounts: Accounts) -> None:
    add(accounts, "ann", tags=("monitoring",))
    assert accounts.authenticate("ann", "secret", loopback=False).tags == ("monitoring",)


@pytest.mark.parametrize(("name", "password"), [("ann", "wrong"), ("ann", ""), ("bob", "secret"), ("", "")])
def test_a_wrong_login_is_refused_without_telling_which_part_is_wrong(
    accounts: Accounts, name: str, password: str
) -> None:
    add(accounts, "ann")
    with pytest.raises(LoginRefused, match=f"user '{name}' - invalid credentials"):
        accounts.authenticate(name, password, loopback=True)


def test_guest_logs_in_from_the_machine_itself_only(accounts: Accounts) -> None:
    add(accounts, "guest", "guest")
    assert accounts.authenticate("guest", "guest", loopback=True).name == "guest"
    with pytest.raises(LoginRefused, match="can only connect via localhost"):
        accounts.authenticate("guest", "guest", loopback=False)


# -- permissions --------------------------------------------------------------------------


def test_a_user_enters_only_where_there_is_a_permission(accounts: Accounts) -> None:
    add(accounts, "ann")
    accounts.put_permission("/", "ann", Permission("", "", ""))
    assert accounts.may_enter("ann", "/")
    assert not accounts.may_enter("ann", "other")
    accounts.clear_permission("/", "ann")
    assert not accounts.may_enter("ann", "/")


@pytest.mark.parametrize(
    ("expression", "name", "allowed"),
    [
        (".*", "anything", True),
        ("^a", "ab", True),
        ("^a", "ba", False),
        ("a", "bab", True),
        ("^a$", "ab", False),
        ("", "a", False),
        ("^amq\\.default$", "", True),
        ("^(?<word>[[:alpha:]]+)-\\d\\z", "ab-1", True),
        ("^ab\\Z", "ab", True),
    ],
)
def test_permissions_are_searched_as_regular_expressions(
    accounts: Accounts, expression: str, name: str, allowed: bool
) -> None:
    add(accounts, "ann")
    accounts.put_permission("/", "ann", Permission("", "", expression))
    assert accounts.allows("ann", "/", Access.READ, name) is allowed
    assert not accounts.allows("ann", "/", Access.WRITE, name)
    assert not accounts.allows("ann", "other", Access.READ, name)


def test_what_is_no_regular_expression_is_refused(accounts: Accounts) -> None:
    add(accounts, "ann")
    with pytest.raises(re.error):
        accounts.put_permission("/", "ann", Permission("(", "", ""))
    assert accounts.permissions == {}


def test_a_refusal_has_rabbitmqs_words(accounts: Accounts) -> None:
    add(accounts, "a")
    accounts.put_permission("/", "a", Permission("^a", "", ""))
    accounts.check("a", "/", Access.CONFIGURE, "queue", "a")
    with pytest.raises(ChannelClosed) as refused:
        accounts.check("a", "/", Access.CONFIGURE, "queue", "x")
    assert refused.value.text == "ACCESS_REFUSED - configure access to queue 'x' in vhost '/' refused for user 'a'"
    with pytest.raises(ChannelClosed) as refused:
        accounts.check("a", "/", Access.WRITE, "exchange", "")
    assert refused.value.text == (
        "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'a'"
    )


def test_a_change_is_seen_at_once_and_told_by_the_version(accounts: Accounts) -> None:
    add(accounts, "ann")
    accounts.put_permission("/", "ann", Permission("", "", ""))
    assert not accounts.allows("ann", "/", Access.READ, "q")
    before = accounts.version
    accounts.put_permission("/", "ann", Permission("", "", "q"))
    assert accounts.version > before
    assert accounts.allows("ann", "/", Access.READ, "q")


def test_routing_keys_are_free_until_a_topic_permission_restricts_them(accounts: Accounts) -> None:
    add(accounts, "ann")
    assert not accounts.has_topic_permissions("ann", "/")
    accounts.check_topic("ann", "/", Access.WRITE, "amq.topic", "any")
    accounts.put_topic_permission("/", "ann", "amq.topic", TopicPermission(write="^{username}\\.", read=""))
    assert accounts.has_topic_permissions("ann", "/")
    accounts.check_topic("ann", "/", Access.WRITE, "amq.topic", "ann.x")
    accounts.check_topic("ann", "/", Access.WRITE, "other", "any")
    with pytest.raises(ChannelClosed) as refused:
        accounts.check_topic("ann", "/", Access.WRITE, "amq.topic", "bob.x")
    assert refused.value.text == (
        "ACCESS_REFUSED - write access to topic 'bob.x' in exchange 'amq.topic' in vhost '/' refused for user 'ann'"
    )


def test_a_deleted_user_leaves_no_permission_behind(accounts: Accounts, kept: Kept) -> None:
    add(accounts, "ann")
    accounts.put_permission("/", "ann", Permission(".*", ".*", ".*"))
    accounts.put_topic_permission("/", "ann", "amq.topic", TopicPermission("a", "b"))
    accounts.delete_user("ann")
    assert kept == {}
    assert not accounts.allows("ann", "/", Access.READ, "q")


def test_a_deleted_virtual_host_takes_its_permissions_along(accounts: Accounts) -> None:
    add(accounts, "ann")
    for vhost in ("/", "v"):
        accounts.put_permission(vhost, "ann", Permission(".*", ".*", ".*"))
        accounts.put_topic_permission(vhost, "ann", "amq.topic", TopicPermission("a", "b"))
    accounts.vhost_deleted("v")
    assert list(accounts.permissions) == [("/", "ann")]
    assert list(accounts.topic_permissions) == [("/", "ann", "amq.topic")]


def test_everything_is_there_again_after_a_restart(accounts: Accounts, kept: Kept) -> None:
    add(accounts, "ann", tags=("administrator",))
    accounts.set_limit("ann", "max-connections", 3)
    accounts.put_permission("/", "ann", Permission("a", "b", "c"))
    accounts.put_topic_permission("/", "ann", "amq.topic", TopicPermission("a", "b"))
    again = Accounts(_into({}))
    for (kind, key), value in kept.items():
        again.restore(kind, key, value)
    assert again.users == accounts.users
    assert again.users["ann"].limits == {"max-connections": 3}
    assert again.permissions == accounts.permissions
    assert again.topic_permissions == accounts.topic_permissions
    assert {(kind, key): value for kind, key, value in again.definitions()} == kept
