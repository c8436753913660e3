"""Orders published and processed while brokers and workers are killed, and the ledger of what became of each.

Not here: the tests (tests/acceptance/test_no_loss.py).
"""
