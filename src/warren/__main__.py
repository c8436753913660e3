"""`python -m warren`: the command line.

Not here: anything but the way in.
"""

import sys

from warren.cli import main

if __name__ == "__main__":
    sys.exit(main())
