"""`python -m warren.broker`: the same as `warren broker`.

Not here: anything else.
"""

from __future__ import annotations

import sys

from warren.cli import main

sys.exit(main(["broker", *sys.argv[1:]]))
