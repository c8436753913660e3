"""MODULE:APP to the application, with an error that says where to look for each way it can fail.

Not here: what is done with the application.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import sysconfig
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Final

from warren.app import Warren
from warren.errors import ConfigurationError, WarrenError

__all__ = ["Loaded", "load"]

_OWN: Final = str(Path(__file__).resolve().parents[1])
_STANDARD_LIBRARY: Final = sysconfig.get_paths()["stdlib"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """An application, and the module it was found in."""

    app: Warren
    module: ModuleType


def load(target: str) -> Loaded:
    """Import MODULE:APP, the working folder first on the path. Without `:APP` the module's only application is taken.

    Raises `ConfigurationError`.
    """
    module_name, _, attribute = target.partition(":")
    _check_name(target, module_name)
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = _import(module_name)
    return Loaded(_find(module, attribute), module)


def _check_name(target: str, module_name: str) -> None:
    if module_name.endswith(".py") or os.sep in module_name:
        name = module_name.removesuffix(".py").strip("./").replace(os.sep, ".")
        raise ConfigurationError(f"{target!r} names a file; name the module, as in {name}:app")
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigurationError(f"{target!r} names no application; write MODULE:APP, as in shop.billing:app")


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        # Not found: the module itself, or something it imports?
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise ConfigurationError(
                f"there is no module {error.name!r} in {Path.cwd()} or on the Python path; "
                f"run warren in the folder that has it, or set PYTHONPATH"
            ) from error
        raise ConfigurationError(_failed(name, error)) from error
    except (Exception, SystemExit) as error:
        raise ConfigurationError(_failed(name, error)) from error


def _failed(name: str, error: BaseException) -> str:
    """Say what was raised while a module was imported, and where in the application."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f"{_shown(error.filename)}:{error.lineno}: {error.msg}"
    where = _place(error.__traceback__) or name
    if isinstance(error, WarrenError):
        return f"{where}: {error}"
    text = "".join(traceback.format_exception_only(error)).strip()
    return f"module {name} cannot be imported: {text} ({where})"


def _place(trace: TracebackType | None) -> str:
    """Return file and line of the innermost frame that is the application's; libraries only where there is no other."""
    frames = [
        (frame.filename, frame.lineno)
        for frame in traceback.extract_tb(trace)
        if not frame.filename.startswith("<frozen") and not frame.filename.startswith(_OWN)
    ]
    own = [frame for frame in frames if "-packages" not in frame[0] and not frame[0].startswith(_STANDARD_LIBRARY)]
    if not (own or frames):
        return ""
    name, line = (own or frames)[-1]
    return f"{_shown(name)}:{line}"


def _shown(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename


# -- the application in the module -----------------------------------------------------------


def _find(module: ModuleType, attribute: str) -> Warren:
    apps = [name for name, value in vars(module).items() if isinstance(value, Warren)]
    if not attribute:
        if len(apps) != 1:
            raise ConfigurationError(f"say which application of {module.__name__}: {_choice(module, apps)}")
        attribute = apps[0]
    value: object = module
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            close = difflib.get_close_matches(attribute, apps, n=1)
            hint = f"did you mean {module.__name__}:{close[0]}?" if close else _choice(module, apps)
            raise ConfigurationError(f"module {module.__name__} has no {attribute!r}; {hint}") from None
    if not isinstance(value, Warren):
        raise ConfigurationError(
            f"{module.__name__}:{attribute} is a {type(value).__name__}, not a Warren; {_choice(module, apps)}"
        )
    return value


def _choice(module: ModuleType, apps: list[str]) -> str:
    if not apps:
        return f'no Warren was found in it; write app = Warren("{module.__name__.rpartition(".")[2]}")'
    return f"it has {', '.join(f'{module.__name__}:{name}' for name in apps)}"
