"""What can be wrong with a queue or the broker, one rule a file: from a window and thresholds to a finding, or None.

Not here: which rules are asked, and what follows from what (`diagnosis.py`).
"""
