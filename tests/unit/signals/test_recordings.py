"""What real brokers told (tests/recordings), diagnosed: each situation gives its finding, and no other.

Not here: windows made up for a rule (test_diagnosis.py), and the same on live brokers (tests/contract).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.recordings.record import FOLDER
from tests.recordings.situations import ALONE, QUEUE, SITUATIONS
from warren.management.consumers import read_consumers
from warren.management.nodes import read_nodes
from warren.management.queues import read_queues
from warren.signals.diagnosis import diagnose
from warren.signals.findings import DEFAULT_THRESHOLDS, FindingId, Severity
from warren.signals.measure import measure
from warren.signals.reading import broker_sample, queue_samples
from warren.signals.samples import Sample

BROKERS = ("rabbitmq-3.10", "rabbitmq-4.0", "embedded")

# A recording lasts half a minute, which stands for what an alert would wait for.
THRESHOLDS = replace(DEFAULT_THRESHOLDS, patience=20.0)
SCALED = {"timeout_risk": replace(THRESHOLDS, timeout_share=0.005)}

WARNING, CRITICAL = Severity.WARNING, Severity.CRITICAL

EXPECTED: dict[str, dict[FindingId, Severity]] = {
    "poison": {FindingId.POISON: CRITICAL},
    "poison_given_up": {FindingId.POISON: CRITICAL, FindingId.DEAD_LETTERS_GROWING: WARNING},
    "stalled": {FindingId.STALLED: CRITICAL},
    "no_consumers": {FindingId.NO_CONSUMERS: CRITICAL},
    "falling_behind": {FindingId.FALLING_BEHIND: WARNING},
    "retry_storm": {FindingId.RETRY_STORM: WARNING},
    "dead_letters_growing": {FindingId.DEAD_LETTERS_GROWING: WARNING},
    "dead_letters_lost": {FindingId.DEAD_LETTERS_LOST: CRITICAL},
    "dead_letters_lost_target": {FindingId.DEAD_LETTERS_LOST: CRITICAL},
    "dead_letters_stuck": {FindingId.DEAD_LETTERS_LOST: WARNING},
    "timeout_risk": {FindingId.TIMEOUT_RISK: WARNING},
    "blocked": {FindingId.BLOCKED: CRITICAL},
    "idle": {},
    "steady": {},
    "burst": {},
    "restart": {},
    "looked_at": {},
    "polled": {},
}


def recording(broker: str, situation: str) -> dict[str, Any]:
    return json.loads((FOLDER / broker / f"{situation}.json").read_text())


def samples_of(told: dict[str, Any]) -> list[Sample]:
    samples = []
    for answer in told["answers"]:
        queues = read_queues(answer["queues"])
        samples.append(
            Sample(
                at=answer["at"],
                time=1_700_000_000 + answer["at"],
                queues=queue_samples(queues, read_consumers(answer["consumers"])),
                broker=broker_sample(None, read_nodes(answer["nodes"])),
                names=frozenset(queue.name for queue in queues),
            )
        )
    return samples


def test_every_situation_is_recorded_on_every_broker_and_expected() -> None:
    names = {situation.__name__ for situation in (*SITUATIONS, *ALONE)}
    assert set(EXPECTED) == names
    for broker in BROKERS:
        assert {path.stem for path in (FOLDER / broker).iterdir()} == names


@pytest.mark.parametrize("broker", BROKERS)
@pytest.mark.parametrize("situation", EXPECTED)
def test_a_recorded_situation_gives_its_findings_and_no_other(broker: str, situation: str) -> None:
    findings = diagnose(samples_of(recording(broker, situation)), SCALED.get(situation, THRESHOLDS))
    assert {finding.id: finding.severity for finding in findings} == EXPECTED[situation], findings
    assert len(findings) == len(EXPECTED[situation])


@pytest.mark.parametrize("broker", BROKERS)
@pytest.mark.parametrize("situation", EXPECTED)
def test_a_recording_is_measured_as_one_queue(broker: str, situation: str) -> None:
    (signals,) = measure(samples_of(recording(broker, situation)))
    assert signals.queue == QUEUE
    assert signals.consumers == (0 if situation in ("no_consumers", "blocked", "polled") else 1)
    assert len(signals.history) == 8


@pytest.mark.parametrize("broker", BROKERS)
def test_the_rates_of_a_recording_are_those_it_was_made_with(broker: str) -> None:
    (signals,) = measure(samples_of(recording(broker, "falling_behind")))
    # Made with 40/s and 10/s, on a busy machine, and told every five seconds.
    assert signals.publish_rate == pytest.approx(35, abs=10)
    assert signals.ack_rate == pytest.approx(8, abs=3)
    assert signals.lag.confidence == "estimated"
    assert signals.utilisation == 1.0


@pytest.mark.parametrize("broker", BROKERS)
def test_dead_letters_made_by_the_broker_itself_count_as_growth(broker: str) -> None:
    """No total of the dead-letter queue counts them."""
    (signals,) = measure(samples_of(recording(broker, "dead_letters_growing")))
    assert signals.dead is not None
    assert signals.dead_growth == pytest.approx(25, abs=10)


def test_recordings_name_no_machine() -> None:
    for path in Path(FOLDER).glob("*/*.json"):
        text = path.read_text()
        assert "/tmp" not in text
        assert '"db_dir"' not in text
        assert path.stat().st_size < 20_000
