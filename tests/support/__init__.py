"""What tests of every kind share: waiting on a condition, and the broker a test is given.

Not here: fixtures (tests/conftest.py), and the servers behind them (tests/services).
"""

from tests.support.broker import BrokerUnderTest
from tests.support.waiting import wait_until

__all__ = ["BrokerUnderTest", "wait_until"]
