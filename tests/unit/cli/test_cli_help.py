"""The command line's help and documentation: everything is described, and help imports nothing heavy."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from warren import __version__
from warren.cli.exits import Exit
from warren.cli.root import warren

DOCS = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
HEAVY = ("rich", "sqlalchemy", "httpx", "pika", "uvloop", "pydantic", "asyncio")


def commands(group: click.Group, path: str = "warren") -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


ALL = dict(commands(warren))


def section(path: str) -> str:
    """Return the part of the documentation that is about a command; subcommands share their group's."""
    title = " ".join(path.split()[:2])
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", DOCS, flags=re.MULTILINE | re.DOTALL)
    assert found, f"docs/cli.md has no section {title}"
    return found[1]


@pytest.mark.parametrize("path", ALL)
def test_every_command_and_option_is_documented(path: str) -> None:
    text = section(path)
    assert path in text
    for parameter in ALL[path].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            for name in parameter.opts:
                assert f"`{name}`" in text, f"{path} {name} is not in docs/cli.md"


def test_every_option_that_is_documented_exists() -> None:
    known = {name for command in [warren, *ALL.values()] for parameter in command.params for name in parameter.opts}
    assert set(re.findall(r"`(--[a-z-]+)`", DOCS)) <= known | {"--help"}


def test_every_exit_code_is_documented() -> None:
    for code in Exit:
        assert f"\n| {code.value} | " in DOCS


@pytest.mark.parametrize("path", ALL)
def test_every_command_and_option_has_a_help_text(path: str) -> None:
    command = ALL[path]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, f"{path} {parameter.opts}"
            assert parameter.help.endswith((".", ")."))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import sys; from warren.cli import main\n"
        "code = main(sys.argv[1:])\n"
        f"print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_help_lists_the_commands_and_imports_nothing_heavy() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    for name in warren.list_commands(click.Context(warren)):
        assert re.search(rf"^  {name}  +\w", done.stdout, flags=re.MULTILINE)


@pytest.mark.parametrize(
    "command",
    [
        ("run",),
        ("publish",),
        ("topology",),
        ("topology", "plan"),
        ("contracts",),
        ("contracts", "check"),
        ("signals",),
        ("top",),
        ("demo",),
    ],
)
def test_the_help_of_a_command_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert done.stdout.startswith(f"Usage: warren {' '.join(command)} ")


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"warren {__version__}\n"


def test_a_command_that_is_not_known_is_one_line() -> None:
    done = run("rum")
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: No such command 'rum'")
    assert done.stderr.splitlines()[0].endswith("see `warren --help`")
