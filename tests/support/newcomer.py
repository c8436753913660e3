"""Follows a page as somebody who has nothing: a clean folder, an environment made there, a wheel installed into it.

Not here: following a page with what the tests have (`walkthrough.py`).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.support.cli import environment
from tests.support.markdown import ROOT, Fence
from tests.support.walkthrough import Command, Walkthrough

__all__ = ["CHECKOUT", "Newcomer", "build_wheel", "clean_environment", "new_environment"]

CHECKOUT = "/path/to/the/checkout"
"""What pages install; a newcomer gets the wheel that pip builds of it."""

_PYTHON = str(getattr(sys, "_base_executable", sys.executable))


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, which has everything that is shipped and nothing else."""
    _call([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], folder)
    (wheel,) = folder.glob("warren_mq-*.whl")
    return wheel


def clean_environment(programs: Path | None = None) -> dict[str, str]:
    """Return the environment of a shell in which nothing of this checkout is, but for an environment's programs."""
    own = Path(sys.executable).parent
    others = [each for each in os.environ.get("PATH", "").split(os.pathsep) if Path(each) != own]
    path = os.pathsep.join([*([str(programs)] if programs else []), *others])
    kept = environment(PATH=path, PYTHONUNBUFFERED="1", NO_COLOR="1")
    return {name: value for name, value in kept.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}


def new_environment(folder: Path, *packages: str) -> Path:
    """Make a virtual environment with packages; return where its programs are."""
    _call([_PYTHON, "-m", "venv", str(folder)], folder.parent)
    programs = folder / "bin"
    _call([str(programs / "python"), "-m", "pip", "install", "--quiet", *packages], folder.parent)
    return programs


class Newcomer(Walkthrough):
    """A walkthrough that installs what the page says, and keeps the seconds that each section took."""

    def __init__(self, page: Path, folder: Path, wheel: Path) -> None:
        super().__init__(page, folder)
        broker = {name: value for name, value in self._environment.items() if name.startswith("WARREN_")}
        self._environment = {**clean_environment(), **broker}
        self._wheel = wheel
        self._headings = [
            (number, line.strip("# "))
            for number, line in enumerate(page.read_text().splitlines(), 1)
            if re.match("##+ ", line)
        ]
        self.seconds: dict[str, float] = {}

    def _follow(self, shown: Fence) -> None:
        assert shown.language != "python" or shown.title, f"{shown}: which Python would a newcomer run this with?"
        began = time.monotonic()
        super()._follow(shown)
        section = [heading for line, heading in self._headings if line < shown.line][-1]
        self.seconds[section] = self.seconds.get(section, 0.0) + time.monotonic() - began

    def _run(self, command: Command) -> None:
        match command.text.split():
            case ["python3", "-m", "venv", _]:
                self._call([_PYTHON, *command.text.split()[1:]])
            case [".", activate]:
                programs = self._folder / Path(activate).parent
                self._environment["PATH"] = f"{programs}{os.pathsep}{self._environment['PATH']}"
                self._environment["VIRTUAL_ENV"] = str(programs.parent)
            case ["pip", "install", *packages]:
                wanted = [str(self._wheel) if each == CHECKOUT else each for each in packages]
                self._call(["pip", "install", "--quiet", *wanted])
            case _:
                super()._run(command)

    def _call(self, command: list[str]) -> None:
        _call(command, self._folder, env=self._environment)


def _call(command: list[str], folder: Path, **options: Any) -> None:
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
