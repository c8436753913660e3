"""Bodies as files: whole and on disk before anybody is told, or not there at all.

Not here: what a message becomes (test_check.py).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from warren.claim_check import files
from warren.claim_check.files import FileBodies
from warren.claim_check.reference import new_key
from warren.errors import BodyMissing, StoreUnavailable

KEY = "2026-11-23/5b0c6f1d2f7a4c0e9d3b8a7e6f5c4d3b"


class Steps:
    """What is done with the disk, in order; a step may fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.done: list[str] = []
        self.failing = ""
        self._folder = folder
        fsync, rename, mkdir = os.fsync, Path.rename, Path.mkdir

        def synced(handle: int) -> None:
            self._note("sync", Path(f"/proc/self/fd/{handle}").readlink())
            fsync(handle)

        def renamed(path: Path, target: Path) -> Path:
            self._note("rename", target)
            return rename(path, target)

        def made(path: Path, mode: int = 0o777, **options: bool) -> None:
            self._note("mkdir", path)
            mkdir(path, mode, **options)

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(Path, "rename", renamed)
        monkeypatch.setattr(Path, "mkdir", made)

    def _note(self, what: str, path: Path) -> None:
        name = "part" if path.suffix == ".part" else str(path.relative_to(self._folder))
        step = f"{what} {name}"
        self.done.append(step)
        if step == self.failing:
            raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Steps:
    return Steps(monkeypatch, tmp_path)


def test_a_body_is_synced_before_it_has_its_name_and_its_folder_after(steps: Steps, tmp_path: Path) -> None:
    FileBodies(tmp_path).put(KEY, b"body")
    day = "2026-11-23"
    assert steps.done == [f"mkdir {day}", "sync .", "sync part", f"rename {KEY}", f"sync {day}"]


def test_a_day_another_process_has_made_is_synced_all_the_same(steps: Steps, tmp_path: Path) -> None:
    FileBodies(tmp_path).put(KEY, b"body")
    steps.done.clear()
    store = FileBodies(tmp_path)
    store.put(new_key(1_795_428_900), b"body")
    assert steps.done[:2] == ["mkdir 2026-11-23", "sync ."]
    steps.done.clear()
    store.put(new_key(1_795_428_900), b"body")
    assert steps.done[0] == "sync part"


@pytest.mark.parametrize("step", ["mkdir 2026-11-23", "sync .", "sync part", f"rename {KEY}", "sync 2026-11-23"])
def test_whichever_step_fails_the_caller_knows_and_no_part_is_left(step: str, steps: Steps, tmp_path: Path) -> None:
    steps.failing = step
    with pytest.raises(StoreUnavailable, match="No space left"):
        FileBodies(tmp_path).put(KEY, b"body")
    assert not list(tmp_path.rglob("*.part"))


def test_a_body_that_is_being_written_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = FileBodies(tmp_path)
    seen: list[type[Exception]] = []

    def look(_handle: int) -> None:
        try:
            store.get(KEY, 4)
        except BodyMissing as error:
            seen.append(type(error))

    monkeypatch.setattr(files.os, "fsync", look)
    store.put(KEY, b"body")
    assert seen[:2] == [BodyMissing, BodyMissing]
    assert store.get(KEY, 4) == b"body"


def test_a_day_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    store = FileBodies(tmp_path)
    store.put(KEY, b"body")
    (tmp_path / KEY).unlink()
    (tmp_path / KEY).parent.rmdir()
    store.put(KEY, b"body")
    assert store.get(KEY, 4) == b"body"


def test_a_folder_that_is_not_there_is_an_outage_and_not_a_missing_body(tmp_path: Path) -> None:
    store = FileBodies(tmp_path / "not-mounted")
    with pytest.raises(StoreUnavailable):
        store.put(KEY, b"body")
    with pytest.raises(StoreUnavailable, match="is it mounted"):
        store.get(KEY, 4)
    assert not (tmp_path / "not-mounted").exists()


def test_a_body_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BodyMissing, match=KEY):
        FileBodies(tmp_path).get(KEY, 4)


def test_no_more_is_read_than_tells_that_a_body_is_too_large(tmp_path: Path) -> None:
    store = FileBodies(tmp_path)
    store.put(KEY, b"x" * 1_000_000)
    assert len(store.get(KEY, 10)) == 11


# -- who may read them ------------------------------------------------------------------------------


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("_umask")
def test_bodies_are_for_their_owner_alone(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    FileBodies(tmp_path).put(KEY, b"body")
    assert (mode((tmp_path / KEY).parent), mode(tmp_path / KEY)) == (0o700, 0o600)


@pytest.mark.usefixtures("_umask")
def test_bodies_of_a_folder_with_the_set_group_id_bit_are_for_its_group_too(tmp_path: Path) -> None:
    tmp_path.chmod(0o2770)
    FileBodies(tmp_path).put(KEY, b"body")
    FileBodies(tmp_path).put(new_key(1_795_428_900), b"another's")
    assert (mode((tmp_path / KEY).parent), mode(tmp_path / KEY)) == (0o2770, 0o640)
