"""What every blob store must do: one check per function, for `storage.blobs.BlobStore`.

A test suite runs each of `CHECKS` on a fresh, empty store:

    @pytest.mark.parametrize("check", CHECKS)
    def test_my_store(check):
        check(MyStore(...))
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from unshelve.errors import Conflict, NotFound, Refused, UnshelveError
from unshelve.storage.blobs import BlobStore, Marked
from unshelve.storage.probing import claim, probe

_ABSENT: Final = "0" * 64


def gives_back_what_was_put(store: BlobStore) -> None:
    for data in (b"", b"a", b"\x00\xff" * 70_000):
        assert store.get(store.put(data)) == data


def names_bytes_by_their_sha256(store: BlobStore) -> None:
    assert store.put(b"abc") == hashlib.sha256(b"abc").hexdigest()


def takes_bytearrays_and_views(store: BlobStore) -> None:
    assert store.put(bytearray(b"abc")) == store.put(b"abc") == store.put(memoryview(b"xabcx")[1:4])
    wide = memoryview(b"\x01\x00\x00\x00\x02\x00\x00\x00").cast("I")
    assert store.get(store.put(wide)) == bytes(wide)


def stores_equal_bytes_once(store: BlobStore) -> None:
    store.put(b"twice")
    store.put(b"twice")
    assert list(store.digests()) == [hashlib.sha256(b"twice").hexdigest()]


def stores_a_file_as_its_bytes(store: BlobStore) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a-file"
        source.write_bytes(b"z" * 3_000_000)
        digest = store.put_file(source)
    assert (digest, store.size(digest)) == (store.put(b"z" * 3_000_000), 3_000_000)


def holds_nothing_and_much(store: BlobStore) -> None:
    assert store.size(store.put(b"")) == 0
    much = hashlib.sha256(b"much").digest() * 600_000  # 19 MB: some parts of an object store, and a rest
    digest = store.put(much)
    assert (store.size(digest), store.get(digest) == much) == (len(much), True)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "much").write_bytes(much[1:])
        assert store.get(store.put_file(Path(folder) / "much")) == much[1:]


def keeps_notes_beside_the_blobs(store: BlobStore) -> None:
    if not isinstance(store, Marked):
        return
    assert store.read_mark("a-note.json") is None
    assert store.mark("a-note.json", b"1")
    if probe(store).create_only:
        assert not store.mark("a-note.json", b"2")
        assert store.read_mark("a-note.json") == b"1"
    store.drop_mark("a-note.json")
    store.drop_mark("a-note.json")
    assert (store.read_mark("a-note.json"), list(store.digests())) == (None, [])
    for name in ("", "../up.json", "A.json", "a/b.json", "a.json/"):
        with _raises(Refused):
            store.mark(name, b"1")


def belongs_to_one_owner(store: BlobStore) -> None:
    claim(store, "first")
    claim(store, "first")
    if isinstance(store, Marked):
        with _raises(Conflict):
            claim(store, "second")


def says_what_is_not_there(store: BlobStore) -> None:
    assert not store.has(_ABSENT)
    assert not store.delete(_ABSENT)
    with _raises(NotFound):
        store.get(_ABSENT)
    with _raises(NotFound):
        store.size(_ABSENT)


def refuses_names_that_are_no_digests(store: BlobStore) -> None:
    for name in ("", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 62 + "/.", "0" * 64 + "\n"):
        for ask in (store.get, store.has, store.size, store.delete, store.path):
            with _raises(Refused):
                ask(name)


def finds_many_at_once(store: BlobStore) -> None:
    there = {store.put(str(number).encode()) for number in range(300)}
    assert store.has_many([*there, _ABSENT]) == there


def forgets_what_is_deleted(store: BlobStore) -> None:
    digest = store.put(b"gone")
    assert store.delete(digest)
    assert not store.has(digest)
    assert list(store.digests()) == []


def tells_old_from_new(store: BlobStore) -> None:
    digest = store.put(b"now")
    assert list(store.digests(before=0.0)) == []
    assert list(store.digests(before=1e11)) == [digest]


def sweeps_what_is_old_and_spares_what_is_not(store: BlobStore) -> None:
    digest = store.put(b"12345")
    assert store.sweep(digest, before=0.0) is None
    assert store.has(digest)
    assert store.sweep(digest, before=1e11) == 5
    assert not store.has(digest)
    assert store.sweep(digest, before=1e11) is None


def gives_a_path_whose_bytes_are_the_blob_or_none(store: BlobStore) -> None:
    digest = store.put(b"mapped")
    path = store.path(digest)
    assert path is None or path.read_bytes() == b"mapped"
    assert store.path(_ABSENT) is None


def copies_bytes_to_a_file_whole_or_not_at_all(store: BlobStore) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for data in (b"", b"y" * 3_000_000):
            place = Path(folder) / "copy"
            store.copy_to(store.put(data), place)
            assert place.read_bytes() == data
        with _raises(NotFound):
            store.copy_to(_ABSENT, Path(folder) / "none")
        assert [path.name for path in Path(folder).iterdir()] == ["copy"]


def puts_again_what_it_has(store: BlobStore) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a-file"
        source.write_bytes(b"again" * 10)
        assert store.put_file(source) == store.put(b"again" * 10) == store.put_file(source)
    assert len(list(store.digests())) == 1


def finds_nothing_wrong_with_what_it_wrote(store: BlobStore) -> None:
    store.put(b"")
    store.put(b"whole")
    assert list(store.verify()) == []


def takes_the_same_bytes_from_many_threads(store: BlobStore) -> None:
    data = [bytes([number]) * 5_000 for number in range(20)]
    failures: list[UnshelveError | OSError] = []

    def put_all() -> None:
        try:
            for each in data:
                store.put(each)
        except (UnshelveError, OSError) as error:
            failures.append(error)

    threads = [threading.Thread(target=put_all) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {store.get(digest) for digest in store.digests()} == set(data)


@contextmanager
def _raises(kind: type[Exception]) -> Iterator[None]:
    try:
        yield
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was not raised")


CHECKS: Final[tuple[Callable[[BlobStore], None], ...]] = (
    gives_back_what_was_put,
    names_bytes_by_their_sha256,
    takes_bytearrays_and_views,
    stores_equal_bytes_once,
    stores_a_file_as_its_bytes,
    says_what_is_not_there,
    refuses_names_that_are_no_digests,
    finds_many_at_once,
    forgets_what_is_deleted,
    tells_old_from_new,
    gives_a_path_whose_bytes_are_the_blob_or_none,
    sweeps_what_is_old_and_spares_what_is_not,
    copies_bytes_to_a_file_whole_or_not_at_all,
    puts_again_what_it_has,
    holds_nothing_and_much,
    keeps_notes_beside_the_blobs,
    belongs_to_one_owner,
    finds_nothing_wrong_with_what_it_wrote,
    takes_the_same_bytes_from_many_threads,
)
