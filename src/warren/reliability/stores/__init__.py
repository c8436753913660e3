"""Where idempotency keys are kept: one module a store, and `open.py` that picks one by URL.

Not here: the port they implement (`reliability/idempotency.py`).
"""
