"""What `warren signals` and `warren top` watch: their options, and the collector these stand for.

Not here: taking the samples (`warren/signals/collect.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

import click

from warren.cli.options import SECONDS, broker_option, timeout_option

if TYPE_CHECKING:
    from warren.signals.collect import Collector

__all__ = ["Watching", "watching_options"]

F = TypeVar("F", bound=Callable[..., Any])

SHORTEST: Final = 0.1  # seconds between samples

_OPTIONS: Final = (
    click.argument("target", metavar="[MODULE:APP]", required=False),
    broker_option,
    click.option("--queue", "queues", multiple=True, metavar="QUEUE", help="Only this queue; may be repeated."),
    click.option(
        "--metrics",
        multiple=True,
        metavar="URL",
        help="Ask a worker's metrics too (`warren run --metrics-port`); may be repeated.",
    ),
    click.option(
        "--window", type=SECONDS, default="20s", show_default=True, help="How long to look before anything is said."
    ),
    click.option("--interval", type=SECONDS, default="5s", show_default=True, help="How often to take a sample."),
    click.option("--no-look", is_flag=True, help="Look into no queue for what its messages failed of."),
    timeout_option,
)


def watching_options(command: F) -> F:
    """Give a command the options of `Watching`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What was asked for: which broker and queues, how often, and how long."""

    target: str | None
    broker: str | None
    queues: tuple[str, ...]
    metrics: tuple[str, ...]
    window: float
    interval: float
    no_look: bool
    timeout: float

    def __post_init__(self) -> None:
        if self.interval < SHORTEST:
            raise click.UsageError(f"--interval must be at least {SHORTEST:g} s")
        if self.window < self.interval:
            raise click.UsageError("--window must be at least as long as --interval: rates need two samples")

    def collector(self) -> Collector:
        """Return a collector, not connected yet. Raises `ConfigurationError`."""
        from warren.cli.options import broker_settings
        from warren.signals.collect import Collector

        settings, queues = None, self.queues
        if self.target is not None:
            settings, queues = self._application(self.target)
        if settings is None or self.broker is not None:
            settings = broker_settings(self.broker)
        return Collector(
            settings,
            queues=queues,
            metrics=self.metrics,
            look=not self.no_look,
            look_again=self.window / 2,  # so that a window shows what came in it
            timeout=self.timeout,
        )

    def _application(self, target: str) -> tuple[Any, tuple[str, ...]]:
        """Return an application's broker, None where another one is given, and its queues with their retry tiers."""
        from warren.cli.loading import load
        from warren.topology.naming import is_kept_beside

        app = load(target).app
        all_names = tuple(queue.name for queue in app.topology.queues)
        own = self.queues or tuple(spec.queue.name for spec in app.consumers)
        if not own:
            raise click.UsageError(f"{target} has no consumers; name the queues with --queue")
        beside = (name for name in all_names if any(is_kept_beside(queue, name) for queue in own))
        return None if self.broker is not None else app.broker, tuple(dict.fromkeys([*own, *beside]))
