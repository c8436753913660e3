"""What the broker keeps: nothing (`memory.py`), or a journal in a folder (`journal.py`).

Not here: what the model does with messages (`model/`).
"""
