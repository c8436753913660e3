"""Follows a page of the documentation as its reader would: writes its files, runs its code and its commands.

Not here: what a page is made of (`markdown.py`), or which pages there are to follow (tests/test_docs.py).

Blocks run in order, in one folder, which holds the examples if the page is theirs:

    python                  runs in one namespace a page
    python title="x.py"     is written to that file
    sql                     runs in a SQLite database
    json                    is parsed, line by line
    console                 each `$ command` runs in bash, and its output must be as shown; `…` stands for anything
    console title="…"       each command stays, as in a terminal of its own, until a `^C` or the page's end
    text title="…"          must be written by the `warren run` that still runs, or where the title says "the other
                            terminal", or the third, by what runs there; a `^C` in it ends that
    diff title="x.py"       changes that file

`warren run` stays, as in a terminal of its own, until a `^C` in its output, the next `warren run`, or the page's end.
`warren broker` stays likewise, on free ports instead of the standard ones, and is the broker of what follows; where the
page is given a broker, that one is used instead. A command must succeed unless its output shows an `error:`, or
`$ echo $?` follows; `warren signals` must fail where it shows something critical. It looks for a shorter time than it
does for a reader. In its output, and in what `inspect` and dry runs show, a figure stands for any figure. The number
after `kill` stands for that of the `warren run` that still runs.

What stands under the heading "Provoke it", the last of a page, is done first: it makes the situation the page is about.
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
from tests.support.shown_output import output_pattern
from warren import Warren
from warren.integrations.loopback_ports import free_port

__all__ = ["COMMANDS_NOT_RUN", "LANGUAGES_NOT_RUN", "Walkthrough", "commands_of", "needs_broker", "starts_its_broker"]

LANGUAGES_NOT_RUN = {
    "sequence": "a drawing, which building the site reads",
    "text": "a drawing, or a layout of names",
    "dockerfile": "done without Docker by tests/acceptance/test_deployment.py, as the next two",
    "ini": "a unit, or settings of RabbitMQ",
    "yaml": "a manifest",
}

COMMANDS_NOT_RUN = {
    "docker": "the test has its broker, and no Docker",
    "pip": "the test has its environment",
    "make": "would run these tests within themselves",
    ".": "the test has its environment",
    "rabbitmqctl": "needs the rights of the node's own user",
    "rabbitmqadmin": "comes with RabbitMQ, which need not be installed",
    "rabbitmq-diagnostics": "for a node of a cluster; test_deployment.py asks whether there is such a command",
    "rabbitmq-queues": "see above",
    "rabbitmq-upgrade": "see above",
    "systemctl": "there is no such service on this machine",
    "journalctl": "see above",
}

DEFAULT_BROKER = "amqp://guest:guest@localhost:5672/%2F"
DEFAULT_PORT, METRICS_PORT = "8080", "9464"
BROKER_PORT, MANAGEMENT_PORT = "5672", "15672"
PROVOKED = "## Provoke it"
SHORT_WINDOW = " --window 3s --interval 1s"

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

    @property
    def is_signals(self) -> bool:
        return self.text.startswith("warren signals")

    @property
    def shows_figures(self) -> bool:
        """Whether what it shows differs with time and machine."""
        return self.is_signals or self.text.startswith("warren inspect") or "--dry-run" in self.text

    @property
    def has_terminal(self) -> bool:
        """Whether it stays, as in a terminal of its own."""
        return bool(self.fence.title) or "^C" in self.output

    @property
    def may_fail(self) -> bool:
        """Whether what is shown says that it did; a code that is shown is compared."""
        following = commands_of(self.fence)
        place = following.index(self)
        is_shown = any(each.text == "echo $?" for each in following[place + 1 : place + 2])
        return is_shown or any(line.startswith("error: ") for line in self.output)

    @property
    def is_broker(self) -> bool:
        return self.text.startswith("warren broker")


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


def starts_its_broker(page: Path) -> bool:
    """Whether a page runs `warren broker`."""
    consoles = (fence for fence in fences(page) if fence.language == "console")
    return any(command.is_broker for fence in consoles for command in commands_of(fence))


class Walkthrough:
    """One page in a folder, on a broker if it needs one: `with Walkthrough(page, folder, broker=url) as walk:`."""

    def __init__(self, page: Path, folder: Path, *, broker: str | None = None, plain_broker: str | None = None) -> None:
        self._page = page
        self._folder = folder
        self._port, self._metrics_port = str(free_port()), str(free_port())
        self._own_ports: tuple[str, str] | None = None
        if broker is None and starts_its_broker(page):
            self._own_ports = port, management_port = str(free_port()), str(free_port())
            plain_broker = f"amqp://guest:guest@127.0.0.1:{port}/%2F"
            broker = f"{plain_broker}?management=http%3A%2F%2F127.0.0.1%3A{management_port}"
        self._plain_broker = plain_broker or DEFAULT_BROKER
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
        self._started: list[RunningCli] = []  # all that ever stayed, to be killed where the page fails
        self._running: RunningCli | None = None
        self._terminals: dict[str, RunningCli | None] = {}
        self._running_broker: RunningCli | None = None
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
        for running in reversed(self._started):
            running.process.kill()
            running.finish()
        self._database.close()
        self._ends.close()

    def follow(self) -> None:
        """Do what the page says, from top to bottom."""
        lines = self._page.read_text().splitlines()
        provoked = lines.index(PROVOKED) if PROVOKED in lines else len(lines)
        for fence in sorted(fences(self._page), key=lambda fence: fence.line < provoked):
            self._follow(fence)
        self._end_run()
        self._end_broker()

    def _follow(self, shown: Fence) -> None:
        fence = replace(shown, text=self._here(shown.text))
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
            case "diff" if fence.title:
                _change(self._folder / fence.title, fence)
            case "text" if fence.title:
                terminal = _terminal(fence)
                running = self._terminals.get(terminal) if terminal else self._running
                assert running is not None, f"{fence}: nothing runs that could write this"
                if self._watch(running, fence.text.splitlines()) and running is self._running:
                    self._running = None
            case _:
                assert fence.language in LANGUAGES_NOT_RUN, f"{fence} is neither run nor exempt"

    def _here(self, text: str) -> str:
        """Return a text with the addresses that are this test's own."""
        port, management_port = self._own_ports or (BROKER_PORT, MANAGEMENT_PORT)
        own = {
            DEFAULT_BROKER: self._plain_broker,
            DEFAULT_PORT: self._port,
            METRICS_PORT: self._metrics_port,
            f":{BROKER_PORT}": f":{port}",
            f":{MANAGEMENT_PORT}": f":{management_port}",
        }
        # At once and as whole words: what is put in may hold the digits of another.
        shown = "|".join(rf"(?:\b|(?=:)){re.escape(each)}(?!\w)" for each in own)
        return re.sub(shown, lambda found: own[found[0]], text)

    # -- commands ---------------------------------------------------------------------------

    def _run(self, command: Command) -> None:
        if command.word in COMMANDS_NOT_RUN:
            return
        if command.is_broker:
            self._start_broker(command)
            return
        if command.text == "echo $?":
            assert command.output == [str(self._last_code)], f"{command.fence}: the exit code was {self._last_code}"
        elif command.is_run:
            self._start(command)
        elif command.has_terminal:
            self._terminals[_terminal(command.fence)] = self._stays(command.text, command.output)
        else:
            self._finish(command)

    def _start(self, command: Command) -> None:
        self._end_run()
        self._running = self._stays(command.text, command.output)

    def _start_broker(self, command: Command) -> None:
        if self._own_ports is not None:
            self._end_broker()
            port, management_port = self._own_ports
            text = f"{command.text} --port {port} --management-port {management_port}"
            self._running_broker = self._stays(text, command.output)

    def _stays(self, command: str, output: list[str]) -> RunningCli | None:
        """Start a command as in a terminal of its own; return it unless its output shows that it is ended there."""
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running = RunningCli(process)
        self._started.append(running)
        return None if self._watch(running, output) else running

    def _watch(self, running: RunningCli, output: list[str]) -> bool:
        """Wait until it has written what is shown; end it where a `^C` says so, and return whether."""
        before, interrupt, after = _split(output, "^C")
        self._expect(running, before)
        if interrupt:
            running.signal(signal.SIGINT)
            self._last_code = running.finish()
            self._expect(running, after)
        return interrupt

    def _end_run(self) -> None:
        running, self._running = self._running, None
        _end("warren run", running)

    def _end_broker(self) -> None:
        running, self._running_broker = self._running_broker, None
        _end("warren broker", running)

    def _expect(self, running: RunningCli, lines: list[str]) -> None:
        for place, line in enumerate(lines):
            pattern, times = output_pattern([line]), lines[: place + 1].count(line)
            running.wait(
                lambda pattern=pattern, times=times: (
                    sum(pattern.fullmatch(each) is not None for each in [*running.stdout, *running.stderr]) >= times
                ),
                f"the line {line!r}",
            )

    def _finish(self, command: Command) -> None:
        text = command.text
        if command.is_signals and "--window" not in text:
            text = re.sub("^warren signals", rf"\g<0>{SHORT_WINDOW}", text)
        if self._running is not None:
            text = re.sub(r"^(kill -\w+) \d+$", rf"\1 {self._running.pid}", text)
        done = subprocess.run(
            ["bash", "-c", text],
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
            pattern = output_pattern(command.output, any_figures=command.shows_figures)
            assert pattern.fullmatch(done.stdout), f"{command.fence} wrote:\n{done.stdout}"
        if command.is_signals and any(line.startswith("CRITICAL ") for line in command.output):
            assert done.returncode == 1, f"{command.fence}: {command.text!r} is critical, and its exit code not 1"
        elif not command.may_fail:
            assert done.returncode == 0, f"{command.fence}: exit code {done.returncode}:\n{done.stdout}"


def _close_apps(module: ModuleType) -> None:
    for value in vars(module).values():
        if isinstance(value, Warren):
            value.close()


def _end(name: str, running: RunningCli | None) -> None:
    if running is not None:
        running.signal(signal.SIGTERM)
        code = running.finish()
        assert code == 0, f"{name} ended with {code}:\n{''.join(running.stderr)}"


def _split(lines: list[str], mark: str) -> tuple[list[str], bool, list[str]]:
    if mark not in lines:
        return lines, False, []
    place = lines.index(mark)
    return lines[:place], True, lines[place + 1 :]


def _terminal(fence: Fence) -> str:
    """Return what tells a terminal from others: `other` for "another terminal", `third` for "the third terminal"."""
    found = re.search(r"(\w+) terminal", fence.title)
    return found[1].removeprefix("an") if found else ""


def _change(file: Path, fence: Fence) -> None:
    """Change a file as a block of lines that begin with ` `, `-` or `+` says."""
    lines = fence.text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    text = file.read_text()
    assert text.count(before) == 1, f"{fence}: this is not in {file.name} once"
    file.write_text(text.replace(before, after))
