"""What several commands take: the application, the broker, and times in seconds or with a unit.

Not here: options of one command only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from warren.config import BrokerSettings

__all__ = ["SECONDS", "app_option", "application", "broker_option", "broker_settings", "timeout_option"]


class _Seconds(click.ParamType):  # type: ignore[type-arg]  # generic from Click 8.2 on
    """Seconds as a number, or text with a unit: 90, 1.5m, 500ms. 0 is allowed."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from warren.topology.duration import parse_duration

        try:
            seconds = float(value)
        except ValueError:
            try:
                return parse_duration(str(value))
            except ConfigurationError as error:
                self.fail(str(error), param, ctx)
        if not 0 <= seconds < float("inf"):
            self.fail(f"{value!r} is not a time; give seconds, or a number with a unit like 90s or 2m", param, ctx)
        return seconds


SECONDS = _Seconds()

application = click.argument("target", metavar="MODULE:APP")

broker_option = click.option(
    "--broker", metavar="URL", help="The broker's URL (default: $WARREN_BROKER, else a broker on this machine)."
)

app_option = click.option(
    "--app", "target", metavar="MODULE:APP", help="An application: its broker is asked, and its contracts are known."
)

timeout_option = click.option(
    "--timeout", type=SECONDS, default=10.0, show_default=True, help="How long to wait for the broker."
)


def broker_settings(url: str | None) -> BrokerSettings:
    """Read `--broker`, else $WARREN_BROKER; a login in it never shows."""
    from warren.config import BrokerSettings

    return BrokerSettings.parse(url)
