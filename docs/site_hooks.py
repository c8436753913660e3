"""Lets pages link to files of the repository outside docs/, as `../tests/…`: they are copied into the site.

Not here: pages, which mkdocs finds by itself.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

FOLDER = "repository"

_LINK = re.compile(r"\]\((?P<target>(?:\.\./)+[\w./-]+)(?=[)#])")


def _outside(page: str, target: str) -> str | None:
    """Return the path from the repository's root of what a page links, None where that is documentation."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith("docs/") else path


def on_files(files: Files, config: Any) -> Files:
    """Add what is linked from any page."""
    root = Path(config.config_file_path).parent
    linked = {
        path
        for page in files.documentation_pages()
        for found in _LINK.finditer(page.content_string)
        if (path := _outside(page.src_uri, found["target"])) is not None
    }
    for path in sorted(linked):
        files.append(File.generated(config, f"{FOLDER}/{path}", abs_src_path=str(root / path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:
    """Point links at the copies."""

    def moved(found: re.Match[str]) -> str:
        path = _outside(page.file.src_uri, found["target"])
        if path is None:
            return found[0]
        here = posixpath.dirname(page.file.src_uri)
        return f"]({posixpath.relpath(f'{FOLDER}/{path}', here or '.')}"

    return _LINK.sub(moved, markdown)
