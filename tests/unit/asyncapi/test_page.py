"""The page of an AsyncAPI document: complete in itself, readable, and safe against what it shows.

Not here: the document (test_document.py).
"""

from __future__ import annotations

from html.parser import HTMLParser

from pydantic import BaseModel, Field

from warren import Exchange, Message, Warren
from warren.asyncapi.document import document_of
from warren.asyncapi.fields import rows_of
from warren.asyncapi.page import page_of

EVIL = "<script>alert('x')</script>\"&"


class Line(BaseModel):
    price: float = Field(ge=0, description=EVIL)
    parts: list[Line] = []


class Order(Message, exchange=Exchange("orders"), routing_key="orders/<b>"):
    """A new <script>order</script>."""

    lines: list[Line]
    notes: dict[str, Line] | None = None
    kind: str = Field(default=EVIL, pattern="<i>")


def page() -> str:
    app = Warren(EVIL)

    @app.consumer("shop.<i>", Order)
    def handle(order: Order) -> None:
        """Handle <u>it</u>."""

    return page_of(document_of(app.described(EVIL)))


class Reader(HTMLParser):
    """Collects the tags, attributes and anchors of a page, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.text = ""
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.anchors.add(value or "")
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader._open
    return reader


def test_the_page_fetches_and_runs_nothing() -> None:
    found = read(page())
    assert not found.tags & {"script", "link", "img", "iframe", "object", "form", "i", "b", "u"}
    assert all(link.startswith("#") for link in found.links)
    assert "url(" not in page()
    assert "default-src 'none'" in page()


def test_every_link_of_the_page_leads_somewhere() -> None:
    found = read(page())
    assert {link.removeprefix("#") for link in found.links} <= found.anchors


def test_what_the_application_says_is_shown_as_text() -> None:
    found = read(page())
    assert EVIL in found.text
    assert "Handle <u>it</u>." in found.text
    assert "A new <script>order</script>." in found.text


def test_the_page_reads_in_light_and_dark() -> None:
    assert "prefers-color-scheme: dark" in page()


def test_fields_of_fields_are_rows_and_recursion_ends() -> None:
    app = Warren("rows")
    app.publishes(Order)
    told = document_of(app.described())["components"]
    rows = rows_of(told["messages"]["orders-b-.v1"]["payload"], told["schemas"])
    assert [row.path for row in rows] == [
        "lines",
        "lines[].price",
        "lines[].parts",
        "notes",
        "notes{}.price",
        "notes{}.parts",
        "kind",
    ]
    assert [row.type for row in rows][:3] == ["array of Line", "number", "array of Line"]
    assert rows[1].limits == ("≥ 0",)
