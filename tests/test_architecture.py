"""The direction of imports, and what importing Warren costs.

Not here: the contracts themselves (pyproject.toml, [tool.importlinter]); times, which bench measures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "warren"
SCRIPTS = Path(sysconfig.get_path("scripts"))

HEAVY = {
    "fastapi",
    "httpx",
    "nicegui",
    "opentelemetry",
    "pika",
    "prometheus_client",
    "psycopg",
    "redis",
    "rich",
    "sqlalchemy",
    "uvloop",
}


def modules_after(statement: str) -> set[str]:
    """The top-level modules loaded in a fresh interpreter after `statement`."""
    script = f"{statement}\nimport json, sys; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def lint_imports(config: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SCRIPTS / "lint-imports", "--no-cache", "--config", config],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def test_layers_import_downwards_and_third_parties_stay_behind_their_boundary() -> None:
    done = lint_imports(ROOT / "pyproject.toml")
    assert done.returncode == 0, done.stdout


def test_an_import_against_the_direction_would_be_found(tmp_path: Path) -> None:
    """Turn the layers upside down: a contract that cannot fail proves nothing."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    first = lines.index("layers = [") + 1
    last = lines.index("]", first)
    upside_down = tmp_path / "pyproject.toml"
    upside_down.write_text("\n".join([*lines[:first], *reversed(lines[first:last]), *lines[last:]]))

    done = lint_imports(upside_down)
    assert done.returncode == 1, done.stdout
    assert "A layer imports only what stands below it here BROKEN" in done.stdout


@pytest.mark.parametrize("statement", ["import warren", "import warren.cli"])
def test_importing_loads_nothing_heavy(statement: str) -> None:
    assert not modules_after(statement) & HEAVY


def test_an_extra_that_is_missing_is_named() -> None:
    script = "import sys; sys.modules['opentelemetry'] = None; import warren.observability.otel"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("tracing needs OpenTelemetry: pip install 'warren-mq[otel]'\n")


def test_every_module_opens_with_what_lives_there_and_what_does_not() -> None:
    bare = [
        str(path.relative_to(SOURCES))
        for path in SOURCES.rglob("*.py")
        if (text := path.read_text()) and not text.startswith('"""')
    ]
    assert not bare, f"no docstring: {bare}"
