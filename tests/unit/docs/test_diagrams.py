"""The drawings of the documentation: read from their text, refused where it is none, with room for every word.

Not here: the pages they stand on (tests/acceptance/test_site.py).
"""

from __future__ import annotations

import itertools
import re
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs.diagrams import Drawing, Step, on_page_markdown, parse, svg

TEXT = """
your code, queue
your code -> queue: publish
queue --> your code: confirm
queue -x your code: confirm
note queue: on disk
note your code, queue: both
== later ==
!! killed !!
"""


def test_each_kind_of_step_is_read() -> None:
    assert parse(TEXT) == Drawing(
        ("your code", "queue"),
        (
            Step("sent", "publish", 0, 1),
            Step("answered", "confirm", 1, 0),
            Step("lost", "confirm", 1, 0),
            Step("note", "on disk", 1, 1),
            Step("note", "both", 0, 1),
            Step("mark", "later", 0, 1),
            Step("fault", "killed", 0, 1),
        ),
    )


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("queue -> worker: deliver", "names something that is not among your code, queue"),
        ("note worker: busy", "names something that is not among"),
        ("queue -> queue: itself", "is no step"),
        ("queue: waits", "is no step"),
    ],
)
def test_what_is_no_step_is_refused_with_its_line(line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        parse(f"your code, queue\n{line}")
    assert line in str(refused.value)


def test_a_page_with_a_drawing_that_is_none_is_named() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="concepts/confirmed.md"))
    with pytest.raises(ValueError, match=r"concepts/confirmed\.md: 'nonsense' is no step"):
        on_page_markdown("```sequence\na, b\nnonsense\n```\n", page)


def test_a_block_becomes_a_figure_that_says_what_it_shows() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="x.md"))
    drawn = on_page_markdown('before\n\n```sequence title="A & B"\na, b\na -> b: <x>\n```\n\nafter\n', page)
    assert re.fullmatch(r'before\n\n<figure class="sequence"><svg .*</svg></figure>\n\nafter\n', drawn)
    assert "<title>A &amp; B</title>" in drawn
    assert "&lt;x&gt;" in drawn


def test_without_a_title_the_steps_are_told() -> None:
    told = ET.fromstring(svg(parse("a, b\na -> b: go\nb -x a: done\nnote a: waits\n!! dies !!")))[0].text
    assert told == "a to b: go; b to, and it is lost, a: done; a: waits; dies"


@st.composite
def drawings(draw: st.DrawFn) -> Drawing:
    words = st.text("abc <&", min_size=1, max_size=60)
    lanes = tuple(draw(st.lists(words, min_size=1, max_size=5)))
    places = st.integers(0, len(lanes) - 1)
    kinds = ["note", "mark", "fault"] + ["sent", "answered", "lost"] * (len(lanes) > 1)
    steps = []
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=8)):
        start, end = sorted((draw(places), draw(places)))
        if kind in ("sent", "answered", "lost") and start == end:
            start, end = 0, 1
        steps.append(Step(kind, draw(words), start, end))
    return Drawing(lanes, tuple(steps))


@given(drawings())
def test_any_drawing_is_well_formed_and_stays_within_its_frame(drawing: Drawing) -> None:
    root = ET.fromstring(svg(drawing))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y, wide, high = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + wide <= width + 0.01
        assert y + high <= height + 0.01


@given(drawings())
def test_names_of_lanes_never_overlap(drawing: Drawing) -> None:
    root = ET.fromstring(svg(drawing))
    boxes = [box for box in root.iter("{http://www.w3.org/2000/svg}rect") if box.attrib["class"] == "lane"]
    for left, right in itertools.pairwise(boxes):
        assert float(left.attrib["x"]) + float(left.attrib["width"]) <= float(right.attrib["x"]) + 0.01
