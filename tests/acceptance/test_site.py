"""The documentation as a site: built without a warning, complete in itself, with every public name in its reference.

Not here: whether what the pages say is true (tests/test_docs.py).
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.markdown import ROOT, fences, pages

_FETCHED = re.compile(r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?([^"'\s>]+)|<link[^>]*\shref=["']?([^"'\s>]+)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"mkdocs build --strict:\n{done.stdout}"
    return folder


def place(page: Path, site: Path) -> Path:
    """Where a page of docs/ is on the site."""
    path = page.relative_to(ROOT / "docs").with_suffix("")
    return site / (path.parent if path.name == "index" else path) / "index.html"


DOCS = [page for page in pages() if page.is_relative_to(ROOT / "docs")]


def test_every_page_is_on_the_site_with_its_drawings(site: Path) -> None:
    for page in DOCS:
        shown = place(page, site).read_text()
        drawn = [fence for fence in fences(page) if fence.language == "sequence"]
        assert shown.count('<figure class="sequence"><svg ') == len(drawn), page.name


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    """The site reads offline: no script, style, font or picture of another host."""
    for page in site.rglob("*.html"):
        fetched = [found[1] or found[2] for found in _FETCHED.finditer(page.read_text())]
        assert not [target for target in fetched if "//" in target], page
    for style in site.rglob("*.css"):
        text = style.read_text()
        assert not re.search(r"""@import|url\(["']?(?:https?:)?//""", text), style


PUBLIC = [
    (package, name)
    for package in ("warren", "warren.claim_check", "warren.integrations.fastapi")
    for name in importlib.import_module(package).__all__
]


def test_every_public_name_is_in_the_reference(site: Path) -> None:
    reference = (site / "interface" / "index.html").read_text()
    headings = {name.rpartition(".")[2] for name in re.findall(r'<h\d id="(warren\.[\w.]+)"', reference)}
    assert not [f"{package}.{name}" for package, name in PUBLIC if name not in headings]


def test_every_public_name_and_its_methods_have_a_docstring() -> None:
    for package, name in PUBLIC:
        value = getattr(importlib.import_module(package), name)
        if inspect.isclass(value):
            assert vars(value)["__doc__"], name
            for method in (name for name in vars(value) if not name.startswith("_")):
                function = inspect.unwrap(getattr(vars(value)[method], "fget", vars(value)[method]))
                assert not inspect.isfunction(function) or function.__doc__, f"{name}.{method}"
