"""Finds and loads the example that the demo runs: examples/orders of the source, which the wheel carries beside this.

Not here: the example itself.
"""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from warren.app import Warren
from warren.contracts.message import Message
from warren.errors import ConfigurationError

__all__ = ["Example", "load_example"]


@dataclass(frozen=True, slots=True)
class Example:
    """The application, and the contract of its orders."""

    app: Warren
    contract: type[Message]

    @property
    def consumers(self) -> tuple[str, ...]:
        """The names of its consumers."""
        return tuple(spec.name for spec in self.app.consumers)


def load_example(*, broker: str, folder: Path) -> Example:
    """Load the example for a broker, with its databases in `folder`. Once a process: it is a module."""
    os.environ["WARREN_BROKER"] = broker
    os.environ["ORDERS_FOLDER"] = str(folder)
    sys.path.insert(0, str(_home()))
    module = importlib.import_module("orders.app")
    return Example(module.app, module.OrderCreated)


def _home() -> Path:
    """Return the folder that holds the package `orders`."""
    here = Path(__file__).resolve().parent
    for home in (here, *(parent / "examples" for parent in here.parents[3:5])):
        if (home / "orders" / "app.py").is_file():
            return home
    raise ConfigurationError("the example of the demo is missing: this installation of Warren is not complete")
