"""One process owns a data folder: the lock that says which.

Not here: what is in the folder.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from warren.errors import ConfigurationError

__all__ = ["FolderLock"]


class FolderLock:
    """Holds a folder, made if it is missing, from construction until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(f"cannot use the data folder '{folder}': {error.strerror}") from error
        try:
            # flock, not lockf: it also keeps a second broker in this process out.
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(self._fd, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._fd)
            raise ConfigurationError(
                f"the data folder '{folder}' is in use by the broker with process id {owner}: "
                "stop that one, or give this one a folder of its own"
            ) from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)
