"""`warren init`: a small service in a folder, that passes its tests at once.

Not here: what it consists of (`scaffold.py`).
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Final

import click

import warren
from warren.cli.exits import Exit
from warren.cli.failure import say
from warren.cli.scaffold import Scaffold
from warren.errors import ConfigurationError

__all__ = ["init"]

DISTRIBUTION: Final = "warren-mq"


@click.command(short_help="Write a small service, with tests.")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--name", help="What the service is called (default: as the folder).")
@click.option(
    "--message",
    default="OrderCreated",
    show_default=True,
    help="The class of its message: a thing and what became of it.",
)
def init(folder: Path, name: str | None, message: str) -> int:
    """Write a small service into FOLDER (default: this one).

    One message, one consumer with retries and dead letters, tests that run on a broker in their process, a container
    with RabbitMQ beside it, and CI. A file that is there already is never overwritten: then nothing is written at all.
    """
    scaffold = Scaffold.of(name or folder.resolve().name, message)
    requirement = _requirement()
    files = scaffold.files(requirement)
    _write(folder, files)
    for path in files:
        click.echo(folder / path)
    enter = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    say(f"next: {enter}pip install --editable '.[test]' && pytest; then README.md")
    if " @ file:" in requirement:
        say(f"pyproject.toml asks for {requirement}, which containers and CI do not see: name a release there later")
    return Exit.OK


def _requirement() -> str:
    """Return what installs this Warren again: from where it came, or from a package index."""
    try:
        origin = distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        origin = None
    if origin is None:
        return f"{DISTRIBUTION}>={warren.__version__}"
    told = json.loads(origin)
    version_control = told.get("vcs_info")
    if version_control is None:
        return f"{DISTRIBUTION} @ {told['url']}"
    return f"{DISTRIBUTION} @ {version_control['vcs']}+{told['url']}@{version_control['commit_id']}"


def _write(folder: Path, files: Mapping[PurePosixPath, str]) -> None:
    """Write all files, or none. Raises `ConfigurationError`."""
    there = [str(folder / path) for path in files if os.path.lexists(folder / path)]
    if there:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise ConfigurationError(f"{there[0]} is there already{more}, and nothing is overwritten; name another folder")
    written: list[Path] = []
    try:
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as new:
                written.append(file)
                new.write(text)
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        raise ConfigurationError(f"cannot write into {folder}: {error.strerror or error}") from error
