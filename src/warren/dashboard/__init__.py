"""The web pages: see the signals, understand the dead letters, replay them. `Dashboard(app).mount(api, "/warren")`.

Not here: the signals (`signals/`) and the operations (`operations/`) that the pages show.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from warren.dashboard.access import Authorize, Visitor
    from warren.dashboard.service import Dashboard
    from warren.dashboard.settings import DashboardSettings

__all__ = ["Authorize", "Dashboard", "DashboardSettings", "Visitor"]

_EXTRA: Final = "the dashboard needs NiceGUI: pip install 'warren-mq[dashboard]'"
_HOMES: Final = {"Authorize": "access", "Visitor": "access", "Dashboard": "service", "DashboardSettings": "settings"}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for: the rest of Warren does without NiceGUI."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("warren"):
            raise
        raise ModuleNotFoundError(_EXTRA, name=missing.name) from None
