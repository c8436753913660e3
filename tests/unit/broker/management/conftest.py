"""Fixtures of the tests of the HTTP API."""

from __future__ import annotations

import pytest

from tests.unit.broker.management.api_under_test import ApiUnderTest
from warren.broker.node import Node
from warren.broker.settings import BrokerConfig
from warren.broker.storage.memory import MemoryStorage
from warren.clock import ManualClock


@pytest.fixture
def api() -> ApiUnderTest:
    clock = ManualClock()
    node = Node(BrokerConfig(), MemoryStorage(), clock)
    node.start()
    node.wake = node.end_turn
    return ApiUnderTest(node, clock)
