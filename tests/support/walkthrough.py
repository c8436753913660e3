"""Follows a page of the documentation as its reader would: writes its files, runs its code and its commands.

Not here: what a page is made of (`markdown.py`), or which pages there are to follow (tests/test_docs.py).

Blocks run in order, in one folder, which holds the examples if the page is theirs:

    python                  runs in one namespace a page
    python title="x.py"     is written to that file
    sql                     runs in a SQLite database
    json                    is parsed, line by line
    console                 each `$ command` runs in bash, and its output must be as shown; `…` stands for anything
    text title="…"          must be written by the `warren run` that still runs

`warren run` stays, as in a terminal of its own, until a `^C` in its output, the next `warren run`, or the page's end. A
command must succeed unless its output shows an `error:` or `$ echo $?` follows.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType, TracebackType
from unittest.mock import patch

from tests.support.cli import RunningCli, environment
from tests.support.markdown import Fence, fences
from warren import Warren
from warren.integrations.loopback_ports import free_port

__all__ = ["COMMANDS_NOT_RUN", "LANGUAGES_NOT_RUN", "Walkthrough", "commands_of", "needs_broker"]

LANGUAGES_NOT_RUN = {
    "text": "a drawing, or a layout of names",
}

COMMANDS_NOT_RUN = {
    "docker": "the test has its broker, and no Docker",
    "pip": "the test has its environment",
    "make": "would run these tests within themselves",
    ".": "the test has its environment",
    "rabbitmqctl": "needs the rights of the node's own user",
}

DEFAULT_BROKER = "amqp://guest:guest@localhost:5672/%2F"
DEFAULT_PORT = "8080"

_USES_BROKER = re.compile(
    r"\.(publish|publish_many|publisher|async_publisher|worker|connect|plan|apply_topology|run)\(|pika\.Blocking"
)
_CURL = """#!{python}
import sys, time, urllib.error, urllib.request
for _ in range(300):  # --fail --retry
    try:
        print(urllib.request.urlopen(sys.argv[-1], timeout=10).read().decode())
        break
    except urllib.error.URLError:
        time.sleep(0.1)
"""


@dataclass(slots=True)
class Command:
    """One `$ command` with the output shown below it."""

    fence: Fence
    text: str
    output: list[str] = field(default_factory=list)

    @property
    def word(self) -> str:
        """What is called, after variables that are set for it."""
        return next(word for word in self.text.split() if not re.match(r"\w+=", word))

    @property
    def is_run(self) -> bool:
        return self.text.startswith("warren run")


def commands_of(fence: Fence) -> list[Command]:
    """Read the commands of a console block. Lines that end with a backslash go on."""
    found: list[Command] = []
    for line in fence.text.splitlines():
        if line.startswith("$ "):
            found.append(Command(fence, line[2:]))
        elif found and found[-1].text.endswith("\\") and not found[-1].output:
            found[-1].text += "\n" + line
        elif found:
            found[-1].output.append(line)
        elif line:
            raise AssertionError(f"{fence}: {line!r} comes before any command")
    return found


def needs_broker(page: Path) -> bool:
    """Whether anything on a page talks to a broker."""
    for fence in fences(page):
        if fence.language == "python" and _USES_BROKER.search(fence.text):
            return True
        if fence.language == "console" and any(
            command.word not in COMMANDS_NOT_RUN and re.search(r"\bwarren (run|publish|topology)", command.text)
            for command in commands_of(fence)
        ):
            return True
    return False


class Walkthrough:
    """One page in a folder, on a broker if it needs one: `with Walkthrough(page, folder, broker=url) as walk:`."""

    def __init__(self, page: Path, folder: Path, *, broker: str | None = None, plain_broker: str | None = None) -> None:
        self._page = page
        self._folder = folder
        self._plain_broker = plain_broker or DEFAULT_BROKER
        self._port = str(free_port())
        if page.parent.name == "examples":
            shutil.copytree(page.parent, folder, dirs_exist_ok=True)
        tools = folder / ".tools"
        tools.mkdir()
        curl = tools / "curl"
        curl.write_text(_CURL.format(python=sys.executable))
        curl.chmod(curl.stat().st_mode | stat.S_IXUSR)
        path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self._environment = environment(broker, PATH=path, PYTHONUNBUFFERED="1", NO_COLOR="1")
        self._module = ModuleType(f"page_{page.stem.replace('-', '_')}")
        self._modules: set[str] = set()
        self._database = sqlite3.connect(":memory:")
        self._running: RunningCli | None = None
        self._last_code = 0
        self._ends = ExitStack()

    def __enter__(self) -> Walkthrough:
        self._modules = set(sys.modules)
        sys.modules[self._module.__name__] = self._module
        sys.path.insert(0, str(self._folder))
        self._ends.callback(sys.path.remove, str(self._folder))
        self._ends.enter_context(patch.dict(os.environ, self._environment, clear=True))
        self._ends.callback(os.chdir, Path.cwd())
        os.chdir(self._folder)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        for name in set(sys.modules) - self._modules:
            file = getattr(sys.modules[name], "__file__", None)
            if sys.modules[name] is self._module or (file and Path(file).parent == self._folder):
                _close_apps(sys.modules.pop(name))
        if self._running is not None:
            self._running.process.kill()
            self._running.finish()
        self._database.close()
        self._ends.close()

    def follow(self) -> None:
        """Do what the page says, from top to bottom."""
        for fence in fences(self._page):
            self._follow(fence)
        self._end_run()

    def _follow(self, shown: Fence) -> None:
        here = shown.text.replace(DEFAULT_BROKER, self._plain_broker).replace(DEFAULT_PORT, self._port)
        fence = replace(shown, text=here)
        match fence.language:
            case "python" if fence.title:
                (self._folder / fence.title).write_text(fence.text)
            case "python":
                code = compile("\n" * (fence.line - 1) + fence.text, str(fence.page), "exec")
                exec(code, vars(self._module))
            case "sql":
                self._database.executescript(fence.text)
            case "json":
                for line in fence.text.splitlines():
                    json.loads(line)
            case "console":
                for command in commands_of(fence):
                    self._run(command)
            case "text" if fence.title:
                assert self._running is not None, f"{fence}: nothing runs that could write this"
                self._expect(self._running, fence.text.splitlines())
            case _:
                assert fence.language in LANGUAGES_NOT_RUN, f"{fence} is neither run nor exempt"

    # -- commands ---------------------------------------------------------------------------

    def _run(self, command: Command) -> None:
        if command.word in COMMANDS_NOT_RUN:
            return
        if command.text == "echo $?":
            assert command.output == [str(self._last_code)], f"{command.fence}: the exit code was {self._last_code}"
        elif command.is_run:
            self._start(command)
        else:
            self._finish(command)

    def _start(self, command: Command) -> None:
        self._end_run()
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command.text}"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._running = RunningCli(process)
        before, interrupt, after = _split(command.output, "^C")
        self._expect(self._running, before)
        if interrupt:
            self._running.signal(signal.SIGINT)
            self._last_code = self._running.finish()
            self._expect(self._running, after)
            self._running = None

    def _end_run(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.signal(signal.SIGTERM)
            code = running.finish()
            assert code == 0, f"warren run ended with {code}:\n{''.join(running.stderr)}"

    def _expect(self, running: RunningCli, lines: list[str]) -> None:
        for line in lines:
            pattern = _pattern([line])
            running.wait(
                lambda pattern=pattern: any(pattern.fullmatch(each) for each in [*running.stdout, *running.stderr]),
                f"the line {line!r}",
            )

    def _finish(self, command: Command) -> None:
        done = subprocess.run(
            ["bash", "-c", command.text],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60.0,
            check=False,
        )
        self._last_code = done.returncode
        if command.output:
            assert _pattern(command.output).fullmatch(done.stdout), f"{command.fence} wrote:\n{done.stdout}"
        if not (any(line.startswith("error: ") for line in command.output) or self._code_is_shown(command)):
            assert done.returncode == 0, f"{command.fence}: exit code {done.returncode}:\n{done.stdout}"

    @staticmethod
    def _code_is_shown(command: Command) -> bool:
        following = commands_of(command.fence)
        place = next(index for index, each in enumerate(following) if each.text == command.text)
        return any(each.text == "echo $?" for each in following[place + 1 : place + 2])


def _close_apps(module: ModuleType) -> None:
    for value in vars(module).values():
        if isinstance(value, Warren):
            value.close()


def _split(lines: list[str], mark: str) -> tuple[list[str], bool, list[str]]:
    if mark not in lines:
        return lines, False, []
    place = lines.index(mark)
    return lines[:place], True, lines[place + 1 :]


def _pattern(lines: list[str]) -> re.Pattern[str]:
    """Return what matches the output: `…` is any text, on a line of its own any lines."""
    whole = ""
    for line in lines:
        if line.strip() == "…":
            whole += r"(?:[^\n]*\n)*?"
        else:
            whole += r"[^\n]*".join(re.escape(part) for part in line.rstrip().split("…")) + r"[ \t]*\n"
    return re.compile(whole)
