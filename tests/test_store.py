"""The store of paid windows: entries are complete or absent, whatever happens to files and processes."""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import re
import signal
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from filelock import Timeout
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skaug.synthesis import SynthefyAPI, WindowStore

URL = "https://example.org/api/synthesis/user/data/job/stream"
HEAD = len(b"skaug window 1\n") + 32  # what precedes the array: a name and a checksum


@pytest.fixture
def store(tmp_path: Path) -> WindowStore:
    return WindowStore(tmp_path / "store")


@pytest.fixture
def window() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(64, 2))


def key_of(number: int) -> str:
    return WindowStore.key(URL, b"{}", number)


def files(store: WindowStore, pattern: str = "**/*") -> list[Path]:
    return sorted(path for path in store.folder.glob(pattern) if path.is_file())


def entry(store: WindowStore, key: str) -> Path:
    (path,) = files(store, f"??/{key}.*")
    return path


def with_checksum(key: str, array: bytes) -> bytes:
    return b"skaug window 1\n" + hashlib.sha256(key.encode() + array).digest() + array


def child(program: str, *arguments: Any, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def result_of(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


# Entries


def test_an_entry_is_read_bit_by_bit(store: WindowStore, window: np.ndarray) -> None:
    window[0] = np.nextafter(0, 1), -0.0
    store.put(key_of(0), window)
    found = WindowStore(store.path).get(key_of(0))
    assert found is not None
    assert found.tobytes() == window.tobytes()


def test_an_absent_entry_is_none(store: WindowStore) -> None:
    assert store.get(key_of(0)) is None
    assert key_of(0) not in store
    assert not store.folder.exists()  # looking makes nothing


def test_an_entry_is_a_copy(store: WindowStore, window: np.ndarray) -> None:
    store.put(key_of(0), window)
    first = store.get(key_of(0))
    assert first is not None
    first[:] = 0
    assert_array_equal(store.get(key_of(0)), window)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_numbers_are_read_as_doubles(store: WindowStore, dtype: type) -> None:
    store.put(key_of(0), np.arange(6, dtype=dtype).reshape(3, 2))
    found = store.get(key_of(0))
    assert found is not None
    assert found.dtype == np.float64
    assert_array_equal(found, np.arange(6.0).reshape(3, 2))


def test_a_window_may_have_any_memory_layout(store: WindowStore, window: np.ndarray) -> None:
    store.put(key_of(0), np.asfortranarray(window)[::2])
    assert_array_equal(store.get(key_of(0)), window[::2])


def test_objects_are_not_stored(store: WindowStore) -> None:
    with pytest.raises((TypeError, ValueError)):
        store.put(key_of(0), np.array([[object()]]))
    assert files(store) == []


def test_a_later_entry_replaces_the_earlier(store: WindowStore, window: np.ndarray) -> None:
    store.put(key_of(0), window)
    store.put(key_of(0), -window)
    assert_array_equal(store.get(key_of(0)), -window)
    assert len(store) == 1


# The key


def test_the_key_depends_on_address_body_and_draw_only() -> None:
    assert WindowStore.key(URL, b"{}", 0) == WindowStore.key(URL, b"{}", np.int64(0))
    others = [(URL + "s", b"{}", 0), (URL, b"{ }", 0), (URL, b"{}", 1), (URL, b"", 0)]
    keys = {WindowStore.key(*parts) for parts in [(URL, b"{}", 0), *others]}
    assert len(keys) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_parts_of_the_key_are_separated() -> None:
    assert WindowStore.key("ab", b"c", 1) != WindowStore.key("a", b"bc", 1)
    assert WindowStore.key("a", b"b1", 2) != WindowStore.key("a", b"b", 12)


def test_the_key_is_the_checksum_of_format_address_body_and_draw() -> None:
    # If this number changes, paid windows are not found anymore.
    digest = hashlib.sha256()
    for part in (b"1", URL.encode(), b"{}", b"7"):
        digest.update(len(part).to_bytes(8, "big") + part)
    assert WindowStore.key(URL, b"{}", 7) == digest.hexdigest()


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "/" * 64])
def test_an_invalid_key_reaches_no_file(store: WindowStore, key: str) -> None:
    for use in (store.get, store.lock, lambda key: store.put(key, np.zeros((2, 1)))):
        with pytest.raises(ValueError, match="is not a key of an entry"):
            use(key)
    assert not store.folder.exists()


# The folder


def test_the_default_folder_is_in_the_cache_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SKAUG_STORE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert WindowStore().folder == tmp_path / "skaug" / "windows"
    assert not list(tmp_path.iterdir())


def test_the_environment_sets_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = WindowStore()
    monkeypatch.setenv("SKAUG_STORE", str(tmp_path / "here"))
    assert store.folder == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SKAUG_STORE", "~/there")
    assert store.folder == tmp_path / "there"
    assert WindowStore("~/mine").folder == tmp_path / "mine"
    assert WindowStore(tmp_path / "mine").folder == tmp_path / "mine"


@pytest.mark.skipif(os.name == "nt", reason="POSIX modes")
def test_folders_and_entries_are_private(tmp_path: Path, window: np.ndarray) -> None:
    old = os.umask(0)
    try:
        store = WindowStore(tmp_path / "above" / "store")
        store.put(key_of(0), window)
        with store.lock(key_of(0)):
            pass
    finally:
        os.umask(old)
    modes = {
        path: stat.S_IMODE(path.stat().st_mode)
        for path in [tmp_path / "above", store.folder, *store.folder.glob("*")]
    }
    assert set(modes.values()) == {0o700}, modes
    assert stat.S_IMODE(entry(store, key_of(0)).stat().st_mode) == 0o600


def test_an_existing_folder_keeps_its_mode(tmp_path: Path, window: np.ndarray) -> None:
    tmp_path.chmod(0o750)
    WindowStore(tmp_path).put(key_of(0), window)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


# Size and age


def test_length_and_size_count_entries_only(store: WindowStore, window: np.ndarray) -> None:
    assert (len(store), store.nbytes) == (0, 0)
    for number in range(3):
        store.put(key_of(number), window)
        with store.lock(key_of(number)):
            pass
    assert len(store) == 3
    assert store.nbytes == sum(path.stat().st_size for path in files(store, "??/*"))
    assert store.nbytes == 3 * (HEAD + 16 + window.nbytes)  # two numbers say the shape


def age(path: Path, days: float) -> None:
    then = time.time() - days * 86400
    os.utime(path, (then, then))


@pytest.mark.parametrize("older_than", [10, timedelta(days=10)])
def test_prune_removes_older_entries(
    store: WindowStore, window: np.ndarray, older_than: Any
) -> None:
    for number in range(4):
        store.put(key_of(number), window)
        age(entry(store, key_of(number)), days=4 * number)
    assert store.prune(older_than) == 1
    assert [key_of(number) in store for number in range(4)] == [True, True, True, False]
    assert store.prune(older_than) == 0


@pytest.mark.parametrize("older_than", [np.nan, np.inf, True, "1"])
def test_the_age_to_prune_must_be_a_number(store: WindowStore, older_than: Any) -> None:
    with pytest.raises(ValueError, match=f"older_than={older_than!r} must be a timedelta"):
        store.prune(older_than)


def test_prune_removes_files_that_killed_processes_left(
    store: WindowStore, window: np.ndarray
) -> None:
    store.put(key_of(0), window)
    with store.lock(key_of(0)):
        pass
    entry(store, key_of(0)).write_bytes(b"damaged")
    assert store.get(key_of(0)) is None
    left = store.folder / key_of(1)[:2] / ".abc.part"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    assert store.prune(0) == 0
    assert left in files(store)  # it may be in the making
    for path in files(store):
        age(path, days=1)
    assert store.prune(0.5) == 0
    assert files(store) == []


def test_prune_keeps_a_lock_that_is_held(store: WindowStore) -> None:
    held, free = store.lock(key_of(0)), store.lock(key_of(1))
    with free:
        pass
    with held:
        for path in files(store, "locks/*"):
            age(path, days=100)
        store.prune(1)
        assert [path.stem for path in files(store, "locks/*")] == [key_of(0)]
        with pytest.raises(Timeout):
            store.lock(key_of(0)).acquire(blocking=False)


def test_a_lock_works_after_prune_removed_its_file(store: WindowStore) -> None:
    # A process that waits on a removed file must not get a lock that others do not see.
    stop = threading.Event()

    def prune() -> None:
        while not stop.is_set():
            store.prune(-1)

    pruning = threading.Thread(target=prune)
    pruning.start()
    holders: list[int] = []
    most = []

    def take() -> None:
        for _ in range(100):
            with store.lock(key_of(0)):
                holders.append(1)
                most.append(len(holders))
                time.sleep(0)
                holders.pop()

    threads = [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    pruning.join()
    assert (len(most), max(most)) == (300, 1)


def test_counting_ignores_entries_that_vanish(store: WindowStore, window: np.ndarray) -> None:
    for number in range(50):
        store.put(key_of(number), window)

    def remove() -> None:
        for path in files(store, "??/*"):
            path.unlink()

    removing = threading.Thread(target=remove)
    removing.start()
    while removing.is_alive():
        assert 0 <= store.nbytes <= 50 * (HEAD + 16 + window.nbytes)
        assert store.prune(30) == 0
    removing.join()
    assert len(store) == 0


# Damage


def damages() -> Iterator[Any]:
    def flip(at: int) -> Callable[[bytes], bytes]:
        return lambda content: content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]

    yield pytest.param(lambda content: b"", id="empty")
    yield pytest.param(lambda content: content[:10], id="cut in the name")
    yield pytest.param(lambda content: content[: HEAD - 1], id="cut in the checksum")
    yield pytest.param(lambda content: content[: HEAD + 12], id="cut in the shape")
    yield pytest.param(lambda content: content[:-1], id="cut by a byte")
    yield pytest.param(lambda content: content + b"\0", id="a byte more")
    yield pytest.param(flip(3), id="a bit of the name")
    yield pytest.param(flip(HEAD - 10), id="a bit of the checksum")
    yield pytest.param(flip(HEAD + 3), id="a bit of the shape")
    yield pytest.param(flip(-1 - 100), id="a bit of the samples")
    yield pytest.param(lambda content: b"\0" * len(content), id="zeros")
    yield pytest.param(lambda content: b"<html>no window</html>", id="garbage")
    yield pytest.param(lambda content: pickle.dumps({"a": 1}), id="a pickle")
    yield pytest.param(lambda content: content[HEAD:], id="bare samples")
    yield pytest.param(
        lambda content: content.replace(b"window 1", b"window 2"), id="of another format"
    )


@pytest.mark.parametrize("damage", list(damages()))
def test_a_damaged_entry_is_put_aside_and_can_be_written_again(
    store: WindowStore, window: np.ndarray, damage: Callable[[bytes], bytes], caplog: Any
) -> None:
    store.put(key_of(0), window)
    store.put(key_of(1), window)
    path = entry(store, key_of(0))
    damaged = damage(path.read_bytes())
    path.write_bytes(damaged)
    with caplog.at_level(logging.WARNING):
        assert store.get(key_of(0)) is None
    (aside,) = files(store, "damaged/*")
    assert aside.read_bytes() == damaged
    assert str(aside) in caplog.text
    assert len(store) == 1
    assert_array_equal(store.get(key_of(1)), window)
    store.put(key_of(0), window)
    assert_array_equal(store.get(key_of(0)), window)


@pytest.mark.parametrize(
    "array",
    [
        b"",
        b"\0" * 15,
        struct.pack("<2Q", 64, 2),
        struct.pack("<2Q", 2**63, 2**63) + b"\0" * 1024,
        struct.pack("<2Q", 0, 2**63),
        struct.pack("<2Q", 0, 0),
        struct.pack("<2Q", 64, 3) + b"\0" * 1024,
        struct.pack("<2q", -64, -2) + b"\0" * 1024,
        pickle.dumps([["no window"]]),
    ],
    ids=[
        "nothing",
        "half a shape",
        "no samples",
        "too much",
        "no rows",
        "nothing at all",
        "too few",
        "negative",
        "a pickle",
    ],
)
def test_an_entry_that_is_not_a_window_is_damaged_in_spite_of_its_checksum(
    store: WindowStore, window: np.ndarray, array: bytes
) -> None:
    store.put(key_of(0), window)
    entry(store, key_of(0)).write_bytes(with_checksum(key_of(0), array))
    assert store.get(key_of(0)) is None
    assert len(store) == 0


def test_the_entry_of_another_key_is_damage(store: WindowStore, window: np.ndarray) -> None:
    store.put(key_of(0), window)
    store.put(key_of(1), -window)
    entry(store, key_of(0)).write_bytes(entry(store, key_of(1)).read_bytes())
    assert store.get(key_of(0)) is None
    assert_array_equal(store.get(key_of(1)), -window)
    assert len(files(store, "damaged/*")) == 1


@pytest.mark.skipif(os.name == "nt", reason="makes a FIFO")
@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)], ids=["folder", "FIFO"])
def test_an_entry_that_is_not_a_file_is_an_error(
    store: WindowStore, window: np.ndarray, make: Callable[[Path], None]
) -> None:
    store.put(key_of(0), window)
    path = entry(store, key_of(0))
    path.unlink()
    make(path)
    with pytest.raises(OSError, match=r"is not a file: remove it from the window store"):
        store.get(key_of(0))


@pytest.mark.parametrize("shape", [(), (4,), (4, 0), (0, 2), (1, 4, 2)], ids=str)
def test_only_a_window_can_be_written(store: WindowStore, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"got the shape {re.escape(str(shape))}"):
        store.put(key_of(0), np.zeros(shape))
    assert not store.folder.exists()


def test_an_entry_that_was_replaced_meanwhile_is_not_put_aside(
    store: WindowStore, window: np.ndarray
) -> None:
    # A process that replaces a damaged entry holds its lock: the new entry is kept.
    store.put(key_of(0), window)
    entry(store, key_of(0)).write_bytes(b"damaged")
    with store.lock(key_of(0)):
        assert store.get(key_of(0)) is None
        assert files(store, "damaged/*") == []
        store.put(key_of(0), window)
    assert_array_equal(store.get(key_of(0)), window)
    assert files(store, "damaged/*") == []


def test_readers_never_put_a_complete_entry_aside(store: WindowStore, window: np.ndarray) -> None:
    store.put(key_of(0), window)
    stop = threading.Event()
    seen = []

    def read() -> None:
        while not stop.is_set():
            seen.append(store.get(key_of(0)))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(100):
        store.put(key_of(0), np.full((64, 2), float(number)))
    stop.set()
    for reader in readers:
        reader.join()
    assert all(found is not None and len(np.unique(found)) in (1, 128) for found in seen)
    assert files(store, "damaged/*") == []


# Folders that cannot be written


def test_a_folder_that_cannot_be_made_is_an_error_before_anything_is_paid(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        store = WindowStore(path)
        with pytest.raises(OSError, match=re.escape(repr(str(path)))) as caught:
            store.check_writable()
        assert "cannot be written" in str(caught.value)
        assert "SKAUG_STORE" in str(caught.value)
        assert store.get(key_of(0)) is None  # nor is it a traceback where entries are looked up
        assert (len(store), store.nbytes, store.prune(0)) == (0, 0, 0)
        with pytest.raises(OSError, match="file"):
            store.put(key_of(0), np.zeros((2, 1)))
        with pytest.raises(OSError, match="cannot be written"):
            store.lock(key_of(0))


def test_a_folder_without_room_for_locks_is_an_error(store: WindowStore) -> None:
    store.folder.mkdir()
    (store.folder / "locks").write_text("no folder")
    with pytest.raises(OSError, match="cannot be written"):
        store.check_writable()


def test_the_folder_of_an_entry_can_be_checked(store: WindowStore) -> None:
    store.check_writable(key_of(0))
    (store.folder / key_of(1)[:2]).write_text("not a folder")
    store.check_writable(key_of(0))
    with pytest.raises(OSError, match="cannot be written"):
        store.check_writable(key_of(1))


def test_a_check_leaves_only_folders(store: WindowStore) -> None:
    for _ in range(2):
        store.check_writable()
    assert len(store) == 0
    assert [path.name for path in files(store) if path.parent.name != "locks"] == []


@pytest.mark.parametrize("name", ["locks", "damaged"])
def test_a_read_only_folder_can_be_read(store: WindowStore, window: np.ndarray, name: str) -> None:
    store.put(key_of(0), window)
    store.put(key_of(1), window)
    entry(store, key_of(1)).write_bytes(b"damaged")
    (store.folder / name).write_text("no folder")
    assert_array_equal(store.get(key_of(0)), window)
    assert store.get(key_of(1)) is None  # though it cannot be set aside


FULL_DISK = """
import resource, sys
import numpy as np
from skaug.synthesis import WindowStore

store, first, second = WindowStore(sys.argv[1]), *(WindowStore.key("u", b"", n) for n in range(2))
store.put(first, np.ones((8, 2)))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for call in (
    lambda: store.put(second, np.ones((1_000, 2))),
    lambda: store.put(second, np.ones((100_000, 2))),  # more than a buffer holds
    store.check_writable,
):
    try:
        call()
    except OSError as error:
        print(error)
print(len(store), store.get(first).sum())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of file sizes")
def test_a_full_disk_leaves_no_incomplete_entry(store: WindowStore) -> None:
    *puts, check, state = result_of(child(FULL_DISK, store.folder)).splitlines()
    assert len(puts) == 2
    for error in puts:
        assert "File too large" in error
        assert str(store.folder) in error
    assert f"{str(store.folder)!r} cannot be written (File too large)" in check
    assert "free some space" in check
    assert state == "1 16.0"
    assert len(files(store, "??/*")) == len(files(store, "??/.*")) + 1 == 1


# Locks


def test_a_lock_excludes_other_locks_of_its_entry_only(store: WindowStore) -> None:
    with store.lock(key_of(0)):
        with pytest.raises(Timeout):
            store.lock(key_of(0)).acquire(blocking=False)
        with pytest.raises(Timeout):
            WindowStore(store.folder).lock(key_of(0)).acquire(timeout=0.05)
        with store.lock(key_of(1)).acquire(blocking=False):
            pass
    with store.lock(key_of(0)).acquire(blocking=False):
        pass


HOLD = """
import sys, time
from skaug.synthesis import WindowStore
store = WindowStore(sys.argv[1])
with store.lock(sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_the_lock_of_a_killed_process_is_released(store: WindowStore) -> None:
    holder = child(HOLD, store.folder, key_of(0))
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(Timeout):
            store.lock(key_of(0)).acquire(blocking=False)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with store.lock(key_of(0)).acquire(timeout=10):
        pass


WRITE_FOREVER = """
import sys
import numpy as np
from skaug.synthesis import WindowStore
store = WindowStore(sys.argv[1])
for number in range(10**9):
    store.put(WindowStore.key("u", b"", number % 7), np.full((4096, 2), float(number)))
    if number == 0:
        print("begun", flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="sends POSIX signals")
def test_a_killed_writer_leaves_complete_entries(store: WindowStore) -> None:
    writers = [child(WRITE_FOREVER, store.folder) for _ in range(2)]
    for pause, writer in zip((0.1, 0.15), writers, strict=True):
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        time.sleep(pause)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    assert len(store) > 0
    for path in files(store, "??/*.window"):
        found = store.get(path.stem)
        assert found is not None
        assert (found == found[0, 0]).all()
    assert files(store, "damaged/*") == []


# As a parameter of an estimator


def test_the_representation_shows_the_path() -> None:
    assert repr(WindowStore()) == "WindowStore()"
    assert repr(WindowStore("folder")) == "WindowStore('folder')"
    assert "WindowStore('folder')" in repr(SynthefyAPI("u", "d", "j", store=WindowStore("folder")))


@pytest.mark.parametrize("path", [None, "folder", Path("folder")])
def test_a_store_can_be_cloned_and_pickled_as_a_parameter(path: Any, store: WindowStore) -> None:
    api = SynthefyAPI("u", "d", "j", store=WindowStore(path))
    for copy in (clone(api), pickle.loads(pickle.dumps(api))):
        assert isinstance(copy.store, WindowStore)
        assert copy.store.path == api.store.path
    store.put(key_of(0), np.zeros((2, 1)))
    assert key_of(0) in pickle.loads(pickle.dumps(store))


HASH = """
import sys, joblib
from skaug.synthesis import SynthefyAPI, WindowStore
store = WindowStore(sys.argv[1])
print(joblib.hash(store), joblib.hash(SynthefyAPI("u", "d", "j", store=store)))
"""


def test_the_hash_is_the_same_in_every_process_and_after_use(store: WindowStore) -> None:
    api = SynthefyAPI("u", "d", "j", store=store)
    before = joblib.hash(store), joblib.hash(api)
    store.put(key_of(0), np.zeros((2, 1)))
    hash(store.path), str(store.path), store.folder.exists()
    assert (joblib.hash(store), joblib.hash(clone(api))) == before
    assert joblib.hash(WindowStore(str(store.path))) == before[0]
    assert joblib.hash(WindowStore("another")) != before[0]
    assert tuple(result_of(child(HASH, store.path)).split()) == before


def test_an_empty_store_is_used(tmp_path: Path) -> None:
    # It is false in a boolean context, because it has no entries.
    store = WindowStore(tmp_path)
    assert not store
    assert SynthefyAPI("u", "d", "j", store=store).window_store() is store
