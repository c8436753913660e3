"""The public names, pinned: taking one away or adding one is a decision, never an accident.

Not here: what the names do.
"""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

import warren
from warren import errors
from warren.observability import events

PUBLIC = {
    # declaring and running
    "ClaimCheck",
    "Delivery",
    "Exchange",
    "Headers",
    "Message",
    "Queue",
    "Retry",
    "SecretText",
    "Warren",
    "WorkerSettings",
    "upcaster",
    # publishing
    "AsyncPublisher",
    "Publisher",
    "Receipt",
    # errors
    "Blocked",
    "BodyChanged",
    "BodyMissing",
    "BrokerRefused",
    "BrokerUnavailable",
    "ConfigurationError",
    "ContractDefinitionError",
    "ContractError",
    "HandlerSignatureError",
    "Indeterminate",
    "InvalidPayload",
    "MessageTooLarge",
    "Nacked",
    "Permanent",
    "PublishError",
    "PublishManyError",
    "RetryAfter",
    "StoreUnavailable",
    "TopologyConflict",
    "TopologyMissing",
    "Transient",
    "Undecodable",
    "UnknownType",
    "UnknownVersion",
    "Unroutable",
    "WarrenError",
}

EVENTS = {
    "AckDropped": ["queue", "consumer", "count"],
    "Blocked": ["name", "reason"],
    "ConfirmFailed": ["message_id", "message_type", "exchange", "routing_key", "outcome", "reason"],
    "Confirmed": ["message_id", "message_type", "exchange", "routing_key", "seconds"],
    "Connected": ["name", "host", "attempt"],
    "ConsumerCancelled": ["queue", "consumer", "reason"],
    "DeadLettered": [
        "queue",
        "consumer",
        "message_id",
        "message_type",
        "attempt",
        "reason",
        "error",
        "fingerprint",
        "seconds",
        "lag",
    ],
    "Delivered": ["queue", "consumer", "message_id", "message_type", "attempt", "redelivered"],
    "Disconnected": ["name", "host", "reason"],
    "DuplicateAbsorbed": ["queue", "consumer", "message_id", "key", "message_type"],
    "InProgressDeferred": ["queue", "consumer", "message_id", "key", "message_type"],
    "Processed": ["queue", "consumer", "message_id", "message_type", "attempt", "seconds", "lag"],
    "Published": ["message_id", "message_type", "exchange", "routing_key"],
    "Reconnecting": ["name", "attempt", "delay", "reason"],
    "Retried": [
        "queue",
        "consumer",
        "message_id",
        "message_type",
        "attempt",
        "delay",
        "classification",
        "error",
        "fingerprint",
        "seconds",
        "lag",
    ],
    "Returned": ["message_id", "message_type", "exchange", "routing_key", "reason"],
    "SettleDelayed": ["queue", "consumer", "message_id", "target", "reason", "next_try"],
    "ShutdownFinished": ["unfinished"],
    "ShutdownStarted": ["reason", "in_flight", "grace"],
    "Subscribed": ["queue", "consumer", "generation"],
    "TimeLimitExceeded": ["queue", "consumer", "message_id", "limit"],
    "TopologyApplied": ["created"],
    "Unblocked": ["name"],
    "WorkerExited": ["pid", "exit_code", "reason", "restart_in"],
    "WorkerStarted": ["pid", "consumers"],
}


def test_the_public_names_are_these_and_no_others() -> None:
    assert set(warren.__all__) == PUBLIC
    assert len(warren.__all__) == len(PUBLIC), "a name is listed twice"
    assert set(dir(warren)) >= PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_each_public_name_can_be_imported_first(name: str) -> None:
    """In an interpreter of its own, so that no other import helps it."""
    script = f"from warren import {name}; print({name})"
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, capture_output=True)


def test_a_name_is_the_object_of_its_home_and_stays_so() -> None:
    for name, home in warren._HOMES.items():
        assert getattr(warren, name) is getattr(importlib.import_module(home), name)


def test_the_table_of_homes_agrees_with_what_type_checkers_see() -> None:
    tree = ast.parse(Path(warren.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == warren._HOMES
    assert set(seen) == PUBLIC


def test_the_dashboards_names_are_these_and_their_table_agrees_with_what_type_checkers_see() -> None:
    dashboard = importlib.import_module("warren.dashboard")
    assert dashboard.__all__ == ["Authorize", "Dashboard", "DashboardSettings", "Visitor"]
    assert all(getattr(dashboard, name) is not None for name in dashboard.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Board'"):
        _ = dashboard.Board


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'warren' has no attribute 'Wombat'"):
        _ = warren.Wombat


def test_importing_all_names_works() -> None:
    script = "from warren import *; import json; print(json.dumps([n for n in dir() if not n.startswith('_')]))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert set(json.loads(done.stdout)) - {"json"} == PUBLIC


def test_every_error_is_public_and_derives_from_the_one_root() -> None:
    assert set(errors.__all__) <= PUBLIC
    for name in errors.__all__:
        assert issubclass(getattr(errors, name), errors.WarrenError)


def test_the_events_and_their_fields_are_these() -> None:
    kinds = [name for name in events.__all__ if name not in ("Event", "EventBus")]
    assert {name: [field.name for field in fields(getattr(events, name))] for name in kinds} == EVENTS


def test_events_are_frozen_values_of_one_family() -> None:
    for name in EVENTS:
        kind = getattr(events, name)
        assert issubclass(kind, events.Event)
        assert is_dataclass(kind)
        assert kind.__dataclass_params__.frozen
