"""The first steps of somebody new: a clean folder, a fresh environment, a wheel, and the lines of the page.

Not here: the same pages with the tests' own environment, on every broker (tests/test_docs.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.markdown import ROOT, fences
from tests.support.newcomer import Newcomer, build_wheel
from tests.support.walkthrough import commands_of

START = ROOT / "docs" / "getting-started.md"
README = ROOT / "README.md"
FIVE_MINUTES = 300.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.timeout(FIVE_MINUTES)
def test_a_newcomer_gets_from_pip_install_to_a_replayed_dead_letter_in_five_minutes(
    wheel: Path, tmp_path: Path
) -> None:
    """`-s` shows what each section took."""
    with Newcomer(START, tmp_path, wheel) as newcomer:
        newcomer.follow()

    for section, seconds in newcomer.seconds.items():
        print(f"{section:<20} {seconds:6.1f} s")
    print(f"{'together':<20} {sum(newcomer.seconds.values()):6.1f} s")
    assert {"Install", "Let one fail", "Look at it", "Fix it", "Replay"} <= set(newcomer.seconds)
    assert sum(newcomer.seconds.values()) < FIVE_MINUTES


def test_the_readme_goes_the_way_of_the_first_steps() -> None:
    """So that what is timed is what both say."""

    def done(page: Path, until: str) -> list[str]:
        lines = [
            command.text for fence in fences(page) if fence.language == "console" for command in commands_of(fence)
        ]
        begin = lines.index("python3 -m venv .venv")
        return [line.replace(" --group", "") for line in lines[begin : lines.index(until) + 1]]

    def changes(page: Path) -> list[str]:
        return [fence.text for fence in fences(page) if fence.title == "billing.py"]

    replay = "warren replay billing.invoices --yes"
    assert done(README, replay) == done(START, replay)
    assert changes(README) == changes(START)
