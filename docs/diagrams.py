"""Draws the ```` ```sequence ```` blocks of a page as SVG in the page: no script, no network, the colours of the theme.

Not here: the colours (assets/diagrams.css). The text of a block stays readable where nothing draws it.

The first line of a block names what takes part, from left to right. Each other line is a step, from top to bottom:

    publisher, exchange, queue
    publisher -> exchange: publish, mandatory        is sent
    exchange --> publisher: confirm                  is answered
    exchange -x publisher: confirm                   is sent and never arrives
    note queue: on disk                              stands at one, or at several: `note exchange, queue: …`
    == the tier's TTL ends ==                        happens, to nobody in particular
    !! the worker is killed !!                       goes wrong
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["Drawing", "on_page_markdown", "parse", "svg"]

_BLOCK = re.compile(r"^```sequence(?: title=\"(?P<title>[^\"]*)\")?\n(?P<text>.*?)^```$", re.M | re.S)
_MESSAGE = re.compile(r"(?P<start>.+?) (?P<arrow>-->|->|-x) (?P<end>.+?): (?P<text>.+)")
_NOTE = re.compile(r"note (?P<lanes>.+?): (?P<text>.+)")
_MARK = re.compile(r"(?P<fence>==|!!) (?P<text>.+) (?P=fence)")

_LETTER, _PAD, _MARGIN = 7.4, 12.0, 8.0  # of 13 px text; beside texts; around everything
_HEAD, _STEP, _GAP = 32.0, 40.0, 96.0  # height of the names, distance of steps, least distance of two lines
_KINDS = {"->": "sent", "-->": "answered", "-x": "lost"}


@dataclass(frozen=True, slots=True)
class Step:
    """What happens between two lanes, at some of them (first to last), or to all: by their places from the left."""

    kind: str  # sent, answered, lost, note, mark or fault: classes of the stylesheet
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """What takes part, and what happens."""

    lanes: tuple[str, ...]
    steps: tuple[Step, ...]


def parse(text: str) -> Drawing:
    """Read a block; raise ValueError with the line that is none."""
    first, *rest = [line.strip() for line in text.strip().splitlines()]
    lanes = tuple(name.strip() for name in first.split(","))
    return Drawing(lanes, tuple(_step(lanes, line) for line in rest if line))


def _step(lanes: tuple[str, ...], line: str) -> Step:
    try:
        if found := _MARK.fullmatch(line):
            kind = "fault" if found["fence"] == "!!" else "mark"
            return Step(kind, found["text"], 0, len(lanes) - 1)
        if found := _NOTE.fullmatch(line):
            places = [lanes.index(name.strip()) for name in found["lanes"].split(",")]
            return Step("note", found["text"], min(places), max(places))
        if found := _MESSAGE.fullmatch(line):
            start, end = lanes.index(found["start"]), lanes.index(found["end"])
            if start != end:
                return Step(_KINDS[found["arrow"]], found["text"], start, end)
    except ValueError:
        raise ValueError(f"{line!r} names something that is not among {', '.join(lanes)}") from None
    raise ValueError(f"{line!r} is no step of a sequence")


def svg(drawing: Drawing, title: str = "") -> str:
    """Draw it."""
    lines, width = _laid_out(drawing)
    height = _MARGIN + _HEAD + _STEP * (len(drawing.steps) + 1) - 12
    bottom = height - _MARGIN
    parts = [f"<title>{escape(title or _told(drawing))}</title>"]
    parts += [f'<line class="lifeline" x1="{x:g}" y1="{_MARGIN + _HEAD}" x2="{x:g}" y2="{bottom:g}"/>' for x in lines]
    for place, name in enumerate(drawing.lanes):
        half = _width(name) / 2
        parts.append(_box("lane", lines[place] - half, _MARGIN, 2 * half, _HEAD, name))
    for number, step in enumerate(drawing.steps, 1):
        y = _MARGIN + _HEAD + _STEP * number - 4
        parts.append(_drawn(step, lines, y, width))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" style="min-width:min({width:g}px,30rem)">{"".join(parts)}</svg>'
    )


def _width(text: str) -> float:
    return len(text) * _LETTER + 2 * _PAD


def _laid_out(drawing: Drawing) -> tuple[list[float], float]:
    """Return where each lane's line is, and how wide the drawing is, so that every text has room."""
    lines = _distances(drawing)
    half = [_width(name) / 2 for name in drawing.lanes]
    spans = [(line - half[place], line + half[place]) for place, line in enumerate(lines)]
    for step in drawing.steps:
        if step.kind == "note":
            middle, reach = (lines[step.start] + lines[step.end]) / 2, _reach(step, lines)
            spans.append((middle - reach, middle + reach))
    left, right = min(span[0] for span in spans), max(span[1] for span in spans)
    wide = max([right - left, *(_width(step.text) + _GAP for step in drawing.steps if step.kind in ("mark", "fault"))])
    shift = _MARGIN - left + (wide - (right - left)) / 2
    return [line + shift for line in lines], wide + 2 * _MARGIN


def _reach(note: Step, lines: list[float]) -> float:
    """How far a note goes to each side of its middle."""
    return max(_width(note.text), lines[note.end] - lines[note.start] + 2 * _PAD) / 2


def _distances(drawing: Drawing) -> list[float]:
    """Return where the lines are, the first at 0; steps between close lanes make their demands first."""
    count = len(drawing.lanes)
    heads = [_width(name) / 2 for name in drawing.lanes]
    gaps = [max(_GAP, heads[left] + heads[left + 1] + _PAD) for left in range(count - 1)]
    for step in sorted(drawing.steps, key=lambda step: abs(step.end - step.start)):
        left, right = sorted((step.start, step.end))
        if step.kind in ("mark", "fault"):
            continue
        if left == right:
            _widen(gaps, left - 1, left, _width(step.text) / 2 + _PAD)
            _widen(gaps, left, left + 1, _width(step.text) / 2 + _PAD)
        else:
            _widen(gaps, left, right, _width(step.text))
    return [sum(gaps[:place]) for place in range(count)]


def _widen(gaps: list[float], left: int, right: int, needed: float) -> None:
    """Share what is missing between two lanes among the gaps between them."""
    between = [gap for gap in range(left, right) if 0 <= gap < len(gaps)]
    missing = needed - sum(gaps[gap] for gap in between)
    for gap in between:
        gaps[gap] += max(0.0, missing) / len(between)


def _drawn(step: Step, lines: list[float], y: float, width: float) -> str:
    text = escape(step.text)
    start, end = lines[step.start], lines[step.end]
    if step.kind in ("mark", "fault"):
        half = _width(step.text) / 2
        line = f'<line class="{step.kind}" x1="{_MARGIN:g}" y1="{y:g}" x2="{width - _MARGIN:g}" y2="{y:g}"/>'
        return line + _box(f"{step.kind} text", width / 2 - half, y - 12, 2 * half, 24, step.text)
    if step.kind == "note":
        half = _reach(step, lines)
        return _box("note", (start + end) / 2 - half, y - 14, 2 * half, 28, step.text)
    way = 1 if end > start else -1
    tip = end if step.kind != "lost" else end - way * (abs(end - start) * 0.25)
    if step.kind == "lost":
        head = f'<path class="lost" d="M{tip - 5:g} {y - 5:g}l10 10m0 -10l-10 10"/>'
    else:
        head = f'<path class="head" d="M{tip:g} {y:g}l{-9 * way:g} -5v10z"/>'
    middle = (start + end) / 2
    return (
        f'<line class="{step.kind}" x1="{start:g}" y1="{y:g}" x2="{tip:g}" y2="{y:g}"/>{head}'
        f'<text x="{middle:g}" y="{y - 7:g}">{text}</text>'
    )


def _box(kind: str, x: float, y: float, width: float, height: float, text: str) -> str:
    return (
        f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"/>'
        f'<text class="{kind}" x="{x + width / 2:g}" y="{y + height / 2 + 4.5:g}">{escape(text)}</text>'
    )


def _told(drawing: Drawing) -> str:
    """Return the steps in words, for those who do not see them."""
    words = {"sent": "to", "answered": "answers", "lost": "to, and it is lost,"}
    told = []
    for step in drawing.steps:
        where = drawing.lanes[step.start]
        if step.kind in words:
            told.append(f"{where} {words[step.kind]} {drawing.lanes[step.end]}: {step.text}")
        else:
            told.append(step.text if step.kind != "note" else f"{where}: {step.text}")
    return "; ".join(told)


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Put the drawings where their texts are; what cannot be drawn fails the build."""

    def drawn(found: re.Match[str]) -> str:
        try:
            drawing = parse(found["text"])
        except ValueError as error:
            raise ValueError(f"{page.file.src_uri}: {error}") from error
        return f'<figure class="sequence">{svg(drawing, found["title"] or "")}</figure>'

    return _BLOCK.sub(drawn, markdown)
