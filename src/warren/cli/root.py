"""The `warren` command group. Commands are imported when they are run: `warren --help` needs none of them.

Not here: the commands themselves, one file each.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final, NamedTuple

import click

import warren as package
from warren.cli.failure import Debug

__all__ = ["PipeClosed", "warren"]


class PipeClosed(Exception):
    """Whoever read stdout has closed it. Click would make exit code 1 of a `BrokenPipeError`."""


class _Place(NamedTuple):
    module: str
    summary: str


_COMMANDS: Final = {
    "init": _Place("warren.cli.init", "Write a small service, with tests."),
    "run": _Place("warren.cli.run", "Consume with an application's consumers, in supervised processes."),
    "publish": _Place("warren.cli.publish", "Publish messages, validated before they are sent."),
    "doctor": _Place("warren.cli.doctor", "Check how broker, code and settings fit together."),
    "topology": _Place("warren.cli.topology", "Compare or create what an application needs on the broker."),
    "contracts": _Place("warren.cli.contracts", "Lock, check and describe the message contracts of an application."),
    "signals": _Place("warren.cli.signals.command", "Tell how every queue is, what is wrong, and what to do."),
    "top": _Place("warren.cli.top.command", "Watch the queues on a full screen, the worst first."),
    "inspect": _Place("warren.cli.inspect", "Look at the messages of a queue without taking them."),
    "drain": _Place("warren.cli.drain", "Take messages out of a queue, into a file or another queue."),
    "replay": _Place("warren.cli.replay", "Send dead letters back to the consumer that failed."),
    "purge": _Place("warren.cli.purge", "Throw the messages of a queue away."),
    "dashboard": _Place("warren.cli.dashboard", "Serve the web pages: signals, dead letters, replay."),
    "exporter": _Place("warren.cli.exporter", "Serve the signals of a broker's queues to Prometheus."),
    "broker": _Place("warren.cli.broker", "Run the embedded AMQP broker: RabbitMQ's protocol with nothing to install."),
    "demo": _Place("warren.cli.demo.command", "Watch orders being processed, retried and dead-lettered."),
}


class _LazyGroup(click.Group):
    """Knows its commands by name and summary, and imports one to run it. The module has it under its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(import_module(place.module), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise PipeClosed from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.summary) for name, place in _COMMANDS.items()])


def _switch_on(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Debug).on = True


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package.__version__, message="warren %(version)s")
@click.option(
    "--debug",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_switch_on,
    help="Show the traceback of an error.",
)
def warren() -> None:
    """Reliable messaging on RabbitMQ.

    MODULE:APP names an application: the variable APP in the module MODULE, which is looked for in this folder first.
    The broker is the application's own, else $WARREN_BROKER, else amqp://guest:guest@localhost:5672/%2F.

    Exit codes: 0 all is well, 1 something failed or is incomplete, 2 the command line or a configuration is wrong,
    3 deliveries unfinished at shutdown, 4 broker or store unavailable, 130 interrupted.
    """
