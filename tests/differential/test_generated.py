"""Random scripts must have the same outcome on RabbitMQ 4.0.5 and on the embedded broker.

Not here: what a script may say (generated.py), scripts written by hand (test_differential.py).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings

from tests.differential.brokers import REFERENCE
from tests.differential.generated import SCRIPTS, Player, Step
from tests.differential.regressions import REGRESSIONS
from tests.differential.script import Place, Script
from tests.differential.vhosts import Vhosts

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def pair(places: list[Place]) -> list[tuple[Place, Vhosts]]:
    return [(place, Vhosts(place.management_port)) for place in places if place.name in (REFERENCE, "embedded")]


def after_regressions(test: Callable[..., None]) -> Callable[..., None]:
    """Play the scripts that once failed before the random ones."""
    for steps in REGRESSIONS.values():
        test = example(steps=steps)(test)
    return test


@after_regressions
@settings(
    max_examples=40,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
@given(steps=SCRIPTS)
def test_a_random_script_has_one_outcome(pair: list[tuple[Place, Vhosts]], steps: Sequence[Step]) -> None:
    assert difference(pair, steps) == []


def difference(pair: list[tuple[Place, Vhosts]], steps: Sequence[Step]) -> list[str]:
    """Play a script on both brokers; return what differs."""
    with ThreadPoolExecutor(len(pair)) as pool:
        reference, other = pool.map(lambda one: _observed(*one, steps), pair)
    return list(difflib.unified_diff(reference, other, REFERENCE, "embedded", lineterm="", n=3))


def _observed(place: Place, vhosts: Vhosts, steps: Sequence[Step]) -> list[str]:
    with vhosts.lend(is_private=False) as vhost:
        return Player(Script(place, vhost)).play(steps)
