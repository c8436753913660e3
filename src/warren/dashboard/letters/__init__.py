"""Dead letters as the pages show them: looked at off the event loop, once for all browsers, and without secrets.

Not here: the pages (`pages/`), changing anything (`changes/`), and what a message tells (`operations/`).
"""
