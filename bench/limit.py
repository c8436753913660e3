"""Builds limit.c into `.cache/bench`, installing librabbitmq's headers where that is possible.

Not here: running it (peers/limit.py).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from rich.console import Console

__all__ = ["build_limit"]

_HERE = Path(__file__).parent
_BINARY = _HERE.parent / ".cache" / "bench" / "limit"
_PACKAGES = ("librabbitmq-dev", "gcc", "libc6-dev")


def build_limit(console: Console) -> bool:
    """Build the C program and tell the runners where it is; False, with a loud line, where that cannot be done."""
    _BINARY.parent.mkdir(parents=True, exist_ok=True)
    error = _compile()
    if error and os.geteuid() == 0 and shutil.which("apt-get"):
        with console.status(f"installing {', '.join(_PACKAGES)}"):
            subprocess.run(["apt-get", "install", "-y", "-q", *_PACKAGES], capture_output=True, check=False)
        error = _compile()
    if error:
        console.print(
            "[bold red]The C limit is left out, and with it two targets:[/] limit.c did not build; install "
            f"{' '.join(_PACKAGES)}. {error}",
            highlight=False,
        )
        return False
    os.environ["WARREN_BENCH_LIMIT"] = str(_BINARY)
    return True


def _compile() -> str:
    source = _HERE / "limit.c"
    if _BINARY.exists() and _BINARY.stat().st_mtime > source.stat().st_mtime:
        return ""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return "There is no C compiler."
    built = subprocess.run(
        [compiler, "-O2", "-Wall", "-Wextra", "-o", str(_BINARY), str(source), "-lrabbitmq"],
        capture_output=True,
        text=True,
        check=False,
    )
    return built.stderr.strip()[:300] if built.returncode else ""
