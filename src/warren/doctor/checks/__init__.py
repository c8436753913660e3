"""The checks of doctor: pure functions from facts to findings, one file a concern.

Not here: the facts (`facts.py`), and which checks there are (`examine.py`).
"""
