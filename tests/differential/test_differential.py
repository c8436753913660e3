"""The embedded broker and RabbitMQ 3.10.8 beside RabbitMQ 4.0.5: the same scripts, the same frames.

Not here: the scripts (scenarios/), random ones (test_generated.py), the known differences (differences.py).

All scenarios are played once, on all brokers at once, when the first test asks for what was observed.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.differential.brokers import OTHERS, REFERENCE
from tests.differential.comparison import changes, failures, used_rules
from tests.differential.differences import DIFFERENCES, RULES, known, listed
from tests.differential.running import all_scenarios, play_on_all
from tests.differential.script import Place

pytestmark = pytest.mark.timeout(900)  # The first test waits for all scenarios on all brokers.

NAMES = all_scenarios()
Observed = Mapping[str, Mapping[str, list[str]]]


@pytest.fixture(scope="module")
def observed(places: list[Place]) -> Observed:
    return play_on_all(places, NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_reference_does_what_the_script_waits_for(observed: Observed, name: str) -> None:
    assert failures(observed[REFERENCE][name]) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("broker", OTHERS)
def test_a_broker_answers_as_the_reference_but_for_what_is_listed(observed: Observed, broker: str, name: str) -> None:
    found = changes(broker, observed[REFERENCE][name], observed[broker][name])
    assert found == known(broker).get(name, ())


@pytest.mark.parametrize("broker", OTHERS)
def test_every_known_difference_has_one_reason(broker: str) -> None:
    assert {name: len(list(listed(broker, name))) for name in known(broker)} == dict.fromkeys(known(broker), 1)


def test_every_reason_is_of_a_known_difference() -> None:
    idle = [
        (entry.broker, start)
        for entry in DIFFERENCES
        for start in entry.scenarios
        if not any(f"{name} (".startswith(start) for name in known(entry.broker))
    ]
    assert idle == []


@pytest.mark.parametrize("broker", OTHERS)
def test_every_known_difference_is_of_a_scenario(broker: str) -> None:
    assert set(known(broker)) <= set(NAMES)


@pytest.mark.parametrize("broker", OTHERS)
def test_every_rule_applies_somewhere(observed: Observed, broker: str) -> None:
    assert used_rules(broker, observed[REFERENCE].values()) == [rule for rule in RULES if rule.broker == broker]
