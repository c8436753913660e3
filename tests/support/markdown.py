"""Reads the documentation: its pages, their fenced blocks, sections, links and tables.

Not here: running what the blocks say (`walkthrough.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Fence", "code_spans", "fences", "links", "pages", "prose", "sections", "table_rows"]

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)(?P<rest>[^`\n]*)$")
_TITLE = re.compile(r'title="(?P<title>[^"]*)"')
_LINK = re.compile(r"!?\[(?P<text>(?:[^\]`]|`[^`]*`)*)\]\((?P<target>[^)\s]+)\)")
_SPAN = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: `line` is where its text begins, from 1."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    def __str__(self) -> str:
        page = self.page.relative_to(ROOT) if self.page.is_relative_to(ROOT) else self.page.name
        return f"{page}:{self.line} ({self.language or 'no language'})"


def pages() -> list[Path]:
    """Every page a user may read."""
    own = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"]
    return [*own, *sorted((ROOT / "docs").rglob("*.md"))]


def fences(page: Path) -> list[Fence]:
    """Return the fenced blocks of a page, in order."""
    found = []
    lines = iter(enumerate(page.read_text().splitlines(), 1))
    for number, line in lines:
        opened = _FENCE.match(line)
        if opened is None:
            continue
        indent, text = len(opened["indent"]), []
        for _, inner in lines:
            if inner.strip() == "```":
                break
            text.append(inner[indent:])
        title = _TITLE.search(opened["rest"])
        found.append(
            Fence(page, number + 1, opened["language"], title["title"] if title else "", "\n".join([*text, ""]))
        )
    return found


def prose(page: Path) -> str:
    """Return a page's text without its fenced blocks; their lines stay as empty ones."""
    kept, is_code = [], False
    for line in page.read_text().splitlines():
        fence = line.lstrip().startswith("```")
        is_code = is_code != fence
        kept.append("" if is_code or fence else line)
    return "\n".join(kept)


def links(page: Path) -> list[tuple[str, str]]:
    """Return text and target of each link of a page."""
    return [(found["text"], found["target"]) for found in _LINK.finditer(prose(page))]


def code_spans(text: str) -> set[str]:
    """Return what stands between single backticks."""
    return set(_SPAN.findall(text))


def sections(page: Path, *, level: int) -> dict[str, str]:
    """Return the text below each heading of a level, by heading."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in prose(page).splitlines():
        marks = len(line) - len(line.lstrip("#"))
        if 0 < marks <= level and line[marks : marks + 1] == " ":
            current = []
            if marks == level:
                current = found.setdefault(line[marks:].strip(), [])
        else:
            current.append(line)
    return {heading: "\n".join(lines) for heading, lines in found.items()}


def table_rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of each row of the tables in a text, headings included."""
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|-: "):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
