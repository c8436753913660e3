"""The `warren` command: its way in, and its only way out.

Not here: the commands (one file each), or how an error reads (`failure.py`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code. `arguments` default to the process's own."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:  # so early that not even Click was there
        print("interrupted", file=sys.stderr)
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    from warren.cli.failure import Debug, tell
    from warren.cli.root import PipeClosed, warren

    debug = Debug()
    try:
        code = warren.main(args=arguments, prog_name="warren", standalone_mode=False, obj=debug)
        sys.stdout.flush()
    except (BrokenPipeError, PipeClosed):
        # End as a program that SIGPIPE killed would: whoever read the output has enough of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except SystemExit:
        raise
    except BaseException as error:
        return tell(error, debug)
    return code if isinstance(code, int) else 0
