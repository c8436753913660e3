"""Bodies as files of a folder, one folder a day. A body is on disk under its name, whole, or not there at all.

Not here: what a key looks like (`reference.py`).

The order that makes it so: write a file under another name → sync it → rename it → sync its folder. The folder itself
must exist: made here it would hide that a file system is not mounted, and keep bodies where nobody looks for them.

Bodies are for their owner alone, whatever the umask; for the group too where the folder has the set-group-ID bit, which
tells that it is shared.
"""

from __future__ import annotations

import os
import stat
import threading
import uuid
from pathlib import Path
from typing import Final

from warren.errors import BodyMissing, StoreUnavailable

__all__ = ["FileBodies"]

_REMEMBERED: Final = 8
_OWN: Final = 0o600
_OWN_DAY: Final = 0o700
_SHARED: Final = 0o640
_SHARED_DAY: Final = 0o2770


class FileBodies:
    """A store of bodies in `folder`, which all producers and consumers see."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._days: list[str] = []  # whose folders are known to be on disk
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<FileBodies {self._folder}>"

    def put(self, key: str, body: bytes) -> None:
        """Keep a body; it is on disk when this returns. Raises `StoreUnavailable`."""
        path = self._folder / key
        part = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            self._make_day(path.parent)
            try:
                with open(part, "xb", opener=_open_own) as file:
                    if _is_shared(path.parent):
                        os.fchmod(file.fileno(), _SHARED)
                    file.write(body)
                    file.flush()
                    os.fsync(file.fileno())
                part.rename(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            _sync_folder(path.parent)
        except OSError as error:
            raise StoreUnavailable(f"the body of a message cannot be kept in {self._folder}: {error}") from error

    def get(self, key: str, size: int) -> bytes:
        """Return the body, of which at most `size` + 1 bytes are read."""
        path = self._folder / key
        try:
            with path.open("rb") as file:
                return file.read(size + 1)
        except FileNotFoundError as error:
            if self._folder.is_dir():
                raise BodyMissing(f"the body is not in {self._folder} as {key}") from error
            raise StoreUnavailable(f"there is no folder {self._folder}; is it mounted?") from error
        except OSError as error:
            raise StoreUnavailable(f"the body of a message cannot be read from {self._folder}: {error}") from error

    def _make_day(self, day: Path) -> None:
        """Make the day's folder. Another process may have made it and not synced yet, so each syncs for itself."""
        with self._lock:
            if day.name in self._days:
                if day.is_dir():
                    return
                self._days.remove(day.name)
            day.mkdir(_OWN_DAY, exist_ok=True)  # not its parents
            if _is_shared(self._folder) and day.stat().st_uid == os.geteuid():
                day.chmod(_SHARED_DAY)
            _sync_folder(self._folder)
            self._days = [*self._days[1 - _REMEMBERED :], day.name]


def _open_own(path: str, flags: int) -> int:
    return os.open(path, flags, _OWN)


def _is_shared(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_ISGID)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
