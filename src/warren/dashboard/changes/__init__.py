"""What people change from the pages: replay, discard, edit; each written down first.

Not here: the pages (`pages/actions.py`, `pages/audit.py`), and the moving of messages (`operations/`).
"""
