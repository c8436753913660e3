"""Where the next step of a finding is taken in the pages.

Not here: how the link looks (test_overview.py, test_queue_page.py).
"""

from __future__ import annotations

from tests.support.reports import finding
from warren.dashboard.leads import Lead, lead, lead_of

LOOKS = "warren inspect q.dead --group"


def test_what_looks_into_the_dead_letters_leads_to_those_of_its_failure() -> None:
    assert lead(finding("q", command=LOOKS, fingerprint="Boom@f")) == Lead("q.dead", {"fingerprint": "Boom@f"})
    assert lead(finding("q", command=LOOKS)) == Lead("q.dead", {})
    assert lead(finding("a b", command="warren inspect 'a b.dead' --group")) == Lead("a b.dead", {})


def test_what_is_done_elsewhere_leads_nowhere() -> None:
    assert lead(finding("q", command="warren inspect q --limit 5", fingerprint="redelivered@f")) is None
    assert lead(finding("q", command=None)) is None
    assert lead(finding(None, command="warren top")) is None


def test_of_several_findings_the_first_that_leads_anywhere_does() -> None:
    assert lead_of([finding("q", command=None), finding("q", command=LOOKS)]) == Lead("q.dead", {})
    assert lead_of([]) is None
