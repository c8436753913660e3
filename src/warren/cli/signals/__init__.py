"""`warren signals` and what it shares with `warren top`: taking samples, and drawing what they say.

Not here: the samples and their meaning (`warren/signals/`).
"""
