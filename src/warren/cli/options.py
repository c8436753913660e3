"""What several commands take: the application, and times in seconds or with a unit.

Not here: options of one command only.
"""

from __future__ import annotations

from typing import Any

import click

from warren.errors import ConfigurationError

__all__ = ["SECONDS", "application"]


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
