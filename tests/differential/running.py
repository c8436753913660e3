"""Playing all scenarios on one broker, many at a time.

Not here: starting brokers (brokers.py), comparing what was observed (comparison.py).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.differential import scenarios
from tests.differential.script import SCENARIOS, Place, observe
from tests.differential.vhosts import Vhosts

__all__ = ["all_scenarios", "play_all", "play_on_all"]

_AT_A_TIME = 24


def all_scenarios() -> list[str]:
    """Return the names of all scenarios, in the order of their files."""
    for module in sorted(pkgutil.iter_modules(scenarios.__path__), key=lambda found: found.name):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return list(SCENARIOS)


def play_all(place: Place, names: Iterable[str], *, at_a_time: int = _AT_A_TIME) -> dict[str, list[str]]:
    """Play scenarios, each in a virtual host without anything in it, and return by name what was observed."""
    names, vhosts = list(names), Vhosts(place.management_port)
    with ThreadPoolExecutor(at_a_time, thread_name_prefix=place.name) as pool:
        played = pool.map(lambda name: observe(SCENARIOS[name], place, vhosts), names)
        return dict(zip(names, played, strict=True))


def play_on_all(places: Sequence[Place], names: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Play scenarios on several brokers at once; return by broker and name what was observed."""
    with ThreadPoolExecutor(len(places)) as pool:
        played = pool.map(lambda place: play_all(place, names), places)
        return {place.name: observed for place, observed in zip(places, played, strict=True)}
