"""What a node tells its operator in the log."""

from __future__ import annotations

import logging

import pytest

from warren.broker.node import Node
from warren.broker.settings import BrokerConfig
from warren.broker.storage.memory import MemoryStorage
from warren.broker.storage.port import Recovered
from warren.clock import ManualClock


class DamagedStorage(MemoryStorage):
    def recover(self) -> Recovered:
        return Recovered(is_clean=False, notes=("'7.segment' is damaged at byte 99: what follows is lost",))


def test_the_log_says_why_publishers_are_blocked_and_when_that_is_over(caplog: pytest.LogCaptureFixture) -> None:
    node = Node(BrokerConfig(), MemoryStorage(), ManualClock())
    with caplog.at_level(logging.WARNING, "warren.broker"):
        node.set_alarm("disk", "less than 50 MB free in '/data'")
        node.set_alarm("disk", None)
        node.set_alarm("disk", None)
    assert caplog.messages == [
        "publishers are blocked, low on disk: less than 50 MB free in '/data'",
        "no longer low on disk",
    ]


def test_the_log_says_what_a_start_found_damaged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "warren.broker"):
        Node(BrokerConfig(), DamagedStorage(), ManualClock()).start()
    assert caplog.messages == ["'7.segment' is damaged at byte 99: what follows is lost"]
