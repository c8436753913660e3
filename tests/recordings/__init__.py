"""What brokers told through the management API in good times and bad: raw answers, with their times.

Not here: what is made of them (tests/unit/signals/test_recordings.py).
"""
