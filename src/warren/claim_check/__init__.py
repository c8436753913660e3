"""Large bodies beside the broker: the body is in a store, a reference with its SHA-256 on the wire.

Not here: when a publisher and a worker do which (`publish_core.py`, `worker/bodies.py`).
"""

from warren.claim_check.check import ClaimCheck
from warren.claim_check.store import BodyStore

__all__ = ["BodyStore", "ClaimCheck"]
