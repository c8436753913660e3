"""The programs in examples/interop are those that the pages show and run.

Not here: running them (tests/test_docs.py follows the pages, on every broker).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.markdown import ROOT, fences

EXAMPLES = sorted((ROOT / "examples" / "interop").glob("*.py"))
PAGES = [ROOT / "docs" / name for name in ("interop.md", "migration/plain-pika.md", "migration/celery.md")]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_shown_as_it_is(example: Path) -> None:
    shown = [fence.text for page in PAGES for fence in fences(page) if fence.title == example.name]
    assert shown == [example.read_text()]
