"""`warren demo`: the example in examples/orders, run on a broker of its own, and held to its ledger.

Not here: anything; `command.py` is where to start.
"""
