"""What a dashboard is told when it is made.

Not here: the command's options (`cli/dashboard.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from warren.dashboard.letters.masking import HIDDEN_HEADERS
from warren.errors import ConfigurationError

__all__ = ["DashboardSettings"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSettings:
    """How a dashboard watches, and what it lets people do. Times are in seconds.

    A sample is taken every `interval`, however many browsers look; findings are judged over `window`, charts go back
    `history`. `queues` are the only ones shown, if any are named; otherwise those of the application's consumers, or
    all, with `all_queues` and where there is no application. `metrics` are URLs of workers' metrics. With
    `allow_changes` messages may be replayed, discarded and edited; each change is first written to `audit_log`, and
    discarded messages to a file beside it. Dead-letter queues are looked into for at most `most_looked_at` messages.
    Headers in whose name the regular expression `hidden_headers` is found are never shown, whatever its case.

    With a `password` there is a login, as `user`, which lasts for `session`. Without one only this machine may look.
    `allowed_hosts` are the names that the dashboard answers to, besides loopback's; empty stands for any name where
    there is a login, and for none where there is not.
    """

    interval: float = 5.0
    window: float = 60.0
    history: float = 3_600.0
    queues: tuple[str, ...] = ()
    all_queues: bool = False
    metrics: tuple[str, ...] = ()
    look: bool = True
    timeout: float = 10.0
    allow_changes: bool = False
    audit_log: Path | str = Path("warren-audit.ndjson")
    most_looked_at: int = 10_000
    hidden_headers: str = HIDDEN_HEADERS
    user: str = "warren"
    password: str = field(default="", repr=False)
    session: float = 12 * 3_600.0
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "audit_log", _path_of(self.audit_log))
        if self.interval < 0.1:
            raise ConfigurationError("the interval of a dashboard must be at least 0.1 s")
        if self.window < self.interval or self.history < self.window:
            raise ConfigurationError("the window must be at least as long as the interval, the history as the window")
        if self.most_looked_at < 1:
            raise ConfigurationError("most_looked_at must be at least 1 message")
        if not self.user or self.session <= 0:
            raise ConfigurationError("the login of a dashboard needs a user, and a session must be longer than 0 s")


def _path_of(told: object) -> Path:
    """Return where a file is, as people write it in code."""
    if not isinstance(told, str | Path) or not str(told):
        raise ConfigurationError(f"the audit log of a dashboard is the path of a file, not {told!r}")
    return Path(told)
