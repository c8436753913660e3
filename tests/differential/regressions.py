"""Random scripts that once had two outcomes, shrunk, each with a name that says what it was about.

Not here: how they are played (generated.py).
"""

from __future__ import annotations

from tests.differential.generated import Step

__all__ = ["REGRESSIONS"]

REGRESSIONS: dict[str, tuple[Step, ...]] = {
    "a message got before a global prefetch limit begins counts against it": (
        ("declare", 1, "plain"),
        ("publish", 1, "plain", 0, False),
        ("publish", 1, "plain", 0, False),
        ("publish", 1, "plain", 0, False),
        ("get", 2, "plain", False),
        ("qos", 2, 1, True),
        ("consume", 2, "plain", "one", False, 0),
        ("settle", 2, 0, "ack"),
        ("qos", 2, 2, True),
        ("qos", 2, 0, True),
    ),
    "a prefetch limit for consumers ends that of the channel": (
        ("declare", 1, "plain"),
        *(("publish", 1, "plain", 0, False) for _ in range(4)),
        ("qos", 2, 1, True),
        ("consume", 2, "plain", "one", False, 0),
        ("qos", 2, 2, False),
        ("consume", 2, "plain", "two", False, 0),
        ("settle_all", 2, "ack"),
    ),
}
