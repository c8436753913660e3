"""`warren top`: queues on a full screen, sorted by trouble, drawn again as they change.

Not here: the signals (`warren/signals/`), and what it shares with `warren signals` (`cli/signals/`).
"""
