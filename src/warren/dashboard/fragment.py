"""A piece of a page: HTML from a template, kept up to date in the browser without disturbing who reads it.

Not here: what it shows (`pages/`). Everything a template is given is escaped: a body of HTML and script stays text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from nicegui import ui

from warren.dashboard import wording
from warren.dashboard.leads import lead
from warren.dashboard.sparkline import spark

__all__ = ["Fragment", "render"]

TEMPLATES: Final = Environment(
    loader=PackageLoader("warren.dashboard"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {**wording.FILTERS, "spark": spark, "lead": lead}


def render(template: str, **values: Any) -> str:
    """Fill in a template of this package. Bytes that were read as text they are not become question marks."""
    html = TEMPLATES.get_template(template).render(**values)
    return html.encode("utf-8", "replace").decode()


@final
class Fragment(ui.element, component="fragment.js"):
    """Shows what `content` returns; `refresh` shows it anew. `on_act` is told of what is clicked, submitted or changed.

    An act is the `data-` attributes of the element, by name without `data-`, with the fields of a form, all of them
    text from a browser: trust none.
    """

    def __init__(self, content: Callable[[], str], *, on_act: Callable[[Mapping[str, Any]], Any] | None = None) -> None:
        super().__init__()
        self._content = content
        self._props["html"] = content()
        if on_act is not None:
            self.on("act", lambda event: on_act(event.args) if isinstance(event.args, dict) else None)

    def refresh(self) -> None:
        """Show what is true now."""
        html = self._content()
        if html != self._props["html"]:
            self._props["html"] = html
            self.update()
