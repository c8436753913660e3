"""docs/diagnosis.md has a section for each finding, and the thresholds as they are.

Not here: the other pages (tests/test_docs.py).
"""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.support.markdown import ROOT, code_spans, sections, table_rows
from warren.signals.findings import DEFAULT_THRESHOLDS, FindingId, Thresholds
from warren.signals.words import percent, span

PAGE = ROOT / "docs" / "diagnosis.md"
SHARES = {"redelivery_warning", "redelivery_critical", "stalled_share", "timeout_share"}


def test_every_threshold_is_documented_with_its_default() -> None:
    rows = {next(iter(code_spans(row[0])), ""): row[1] for row in table_rows(sections(PAGE, level=2)["Thresholds"])}
    defaults = {field.name: getattr(DEFAULT_THRESHOLDS, field.name) for field in fields(Thresholds)}
    said = {name: percent(value) if name in SHARES else span(value) for name, value in defaults.items()}
    assert {name: value for name, value in rows.items() if name} == said


def test_every_finding_has_a_section() -> None:
    assert [heading.strip("`") for heading in sections(PAGE, level=3)] == [one.value for one in FindingId]


@pytest.mark.parametrize("finding", FindingId)
def test_a_section_says_what_it_means_how_it_is_judged_and_what_to_do(finding: FindingId) -> None:
    text = sections(PAGE, level=3)[f"`{finding.value}`"]
    for word in ("**What it means.**", "**Judged by.**", "**Severity.**", "**What to do.**"):
        assert word in text
