"""What a queue does: arguments and policy merged."""

from __future__ import annotations

from typing import Any

import pytest

from warren.broker.model.queue_settings import Kind, Overflow, QueueSettings, effective_settings
from warren.broker.settings import Profile


def settings(
    arguments: dict[str, Any], policy: dict[str, Any] | None = None, *, profile: Profile = Profile.RABBITMQ_4_0
) -> QueueSettings:
    return effective_settings(Kind.of(arguments), arguments, policy, profile)


def test_a_plain_queue_has_no_limits() -> None:
    assert settings({}) == QueueSettings()


def test_arguments_in_milliseconds_become_seconds() -> None:
    found = settings({"x-message-ttl": 1500, "x-expires": 250})
    assert (found.message_ttl, found.expires) == (1.5, 0.25)


@pytest.mark.parametrize("name", ["max-length", "max-length-bytes"])
def test_of_two_limits_the_lower_counts(name: str) -> None:
    field = name.replace("-", "_")
    assert getattr(settings({f"x-{name}": 5}, {name: 3}), field) == 3
    assert getattr(settings({f"x-{name}": 3}, {name: 5}), field) == 3
    assert getattr(settings({}, {name: 5}), field) == 5


def test_of_two_names_the_argument_counts() -> None:
    found = settings(
        {"x-dead-letter-exchange": "mine", "x-overflow": "reject-publish"},
        {"dead-letter-exchange": "theirs", "dead-letter-routing-key": "key", "overflow": "drop-head"},
    )
    assert found.dead_letter_exchange == "mine"
    assert found.dead_letter_routing_key == "key"
    assert found.overflow is Overflow.REJECT_PUBLISH


@pytest.mark.parametrize(
    ("arguments", "policy", "profile", "limit"),
    [
        ({}, None, Profile.RABBITMQ_4_0, 20),
        ({}, None, Profile.RABBITMQ_3_10, None),
        ({"x-delivery-limit": 3}, None, Profile.RABBITMQ_3_10, 3),
        ({"x-delivery-limit": 3}, {"delivery-limit": 2}, Profile.RABBITMQ_4_0, 2),
        ({"x-delivery-limit": -1}, None, Profile.RABBITMQ_4_0, None),
        ({"x-delivery-limit": "whatever"}, None, Profile.RABBITMQ_4_0, 20),
    ],
)
def test_a_quorum_queue_gives_up_after_a_number_of_failures(
    arguments: dict[str, Any], policy: dict[str, Any] | None, profile: Profile, limit: int | None
) -> None:
    found = settings({"x-queue-type": "quorum", **arguments}, policy, profile=profile)
    assert found.delivery_limit == limit


def test_a_classic_queue_never_gives_up() -> None:
    assert settings({}, {"delivery-limit": 3}).delivery_limit is None


@pytest.mark.parametrize(
    ("arguments", "is_at_least_once"),
    [
        ({"x-queue-type": "quorum", "x-overflow": "reject-publish"}, True),
        ({"x-queue-type": "quorum"}, False),
        ({"x-overflow": "reject-publish"}, False),
    ],
)
def test_at_least_once_is_for_quorum_queues_that_refuse(arguments: dict[str, Any], is_at_least_once: bool) -> None:
    policy = {"dead-letter-strategy": "at-least-once", "dead-letter-exchange": ""}
    assert settings(arguments, policy).is_at_least_once is is_at_least_once
    assert not settings(arguments, {"dead-letter-strategy": "at-least-once"}).is_at_least_once
