"""What `warren init` writes: a service's names, guessed from as little as possible, and its files.

Not here: writing them (`init.py`), or what is in them (templates/service).
"""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from warren.errors import ConfigurationError

__all__ = ["Scaffold"]

_TEMPLATES: Final = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "@package@/__init__.py": "init.py",
    "@package@/messages.py": "messages.py",
    "@package@/app.py": "app.py",
    "contracts.lock.json": "contracts.lock.json",
    "tests/test_app.py": "test_app.py",
    "Dockerfile": "Dockerfile",
    "compose.yaml": "compose.yaml",
    ".github/workflows/ci.yml": "ci.yml",
    ".dockerignore": "dockerignore",
    ".gitignore": "gitignore",
}
"""The files of a service, by their path, and the template of each."""

# A package of one of these names would hide the module, from its own tests among others.
_TAKEN: Final = frozenset({"warren", "tests", "pika", "pydantic", "pytest", *sys.stdlib_module_names})

# What the modules import beside it.
_IMPORTED: Final = frozenset({"Exchange", "Message", "Permanent", "Retry", "Warren"})

_DIRECT: Final = "[tool.hatch.metadata]\nallow-direct-references = true\n\n"
_MESSAGE: Final = re.compile(r"[A-Z][a-z0-9]*(?:[A-Z][a-z0-9]*)*")
_WORD: Final = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True, slots=True)
class Scaffold:
    """The names in a service: the rest follows from its own and its message's.

    `OrderCreated` is published to the exchange `orders` with the key `orders.created`, and has an `order_id`.
    """

    name: str
    message: str

    @classmethod
    def of(cls, name: str, message: str) -> Scaffold:
        """Return the service of a name, in any spelling. Raises `ConfigurationError` where it cannot be a package's."""
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        found = cls(plain, message)
        if not found.package.isidentifier():
            raise ConfigurationError(
                f"{name!r} cannot be the name of a Python package; say --name, as in --name billing"
            )
        if found.package in _TAKEN or keyword.iskeyword(found.package):
            raise ConfigurationError(
                f"a package named {found.package!r} would hide Python's own or a library's; say --name"
            )
        if not _MESSAGE.fullmatch(message) or keyword.iskeyword(message) or message in _IMPORTED:
            raise ConfigurationError(f"{message!r} is no name of a message class; write it like OrderCreated")
        return found

    @property
    def package(self) -> str:
        return self.name.replace("-", "_")

    def files(self, requirement: str) -> dict[PurePosixPath, str]:
        """Return the text of each file by its path. `requirement` names the Warren that they are written for."""
        templates = resources.files("warren.cli") / "templates" / "service"
        direct = _DIRECT if " @ " in requirement else ""
        values = {**self._values(), "requirement": requirement, "direct": direct}
        return {
            PurePosixPath(_filled(path, values)): _filled((templates / f"{template}.txt").read_text("utf-8"), values)
            for path, template in _TEMPLATES.items()
        }

    def _values(self) -> dict[str, str]:
        words = [word.lower() for word in _WORD.findall(self.message)]
        thing, event = (words[:-1], words[-1:]) if len(words) > 1 else (words, [])
        exchange = _plural("_".join(thing))
        return {
            "name": self.name,
            "package": self.package,
            "message": self.message,
            "exchange": exchange if not keyword.iskeyword(exchange) else f"{exchange}_",
            "key": ".".join([exchange, *event]),
            "field": f"{'_'.join(thing)}_id",
            "title": f"{' '.join(thing).title()} Id",
            "queue": f"{self.name}.{exchange}",
            "handler": "_".join(["on", *words]),
        }


def _plural(word: str) -> str:
    return word if word.endswith("s") else f"{word}s"


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
