"""Object stores when things go wrong, on a real server: cuts, slow links, wrong credentials, somebody else's bucket."""

from __future__ import annotations

import resource
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from object_servers import ObjectServer, seaweedfs
from tcp_proxy import TcpProxy, proxy_to
from unshelve.errors import Conflict, Refused, Unavailable
from unshelve.storage.objects import ObjectBlobs, object_store, open_objects
from unshelve.storage.opening import BlobPlace, open_blobs

BRIEF = timedelta(seconds=2)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    running = seaweedfs()
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def proxy(server: ObjectServer) -> Iterator[TcpProxy]:
    with proxy_to(server.port) as between:
        yield between


def address(server: ObjectServer, *, port: int | None = None, name: str | None = None) -> str:
    whole = server.address.format(name=name or uuid.uuid4().hex)
    return whole if port is None else whole.replace(str(server.port), str(port))


def big_file(folder: Path, size: int = 20 << 20) -> Path:
    path = folder / "big"
    path.write_bytes(uuid.uuid4().bytes * (size // 16))
    return path


def test_an_upload_goes_on_after_its_connection_was_cut(server: ObjectServer, proxy: TcpProxy, tmp_path: Path) -> None:
    proxy.cut_after, proxy.most_cuts = 3 << 20, 2
    blobs = open_objects(address(server, port=proxy.port))
    source = big_file(tmp_path)
    assert blobs.get(blobs.put_file(source)) == source.read_bytes()
    assert proxy.cuts == 2


def test_a_store_that_goes_in_the_middle_of_an_upload_leaves_nothing_visible(
    server: ObjectServer, proxy: TcpProxy, tmp_path: Path
) -> None:
    proxy.cut_after = 3 << 20
    name = uuid.uuid4().hex
    source = big_file(tmp_path)
    with pytest.raises(Unavailable, match=f"s3://bucket/{name} does not answer"):
        open_objects(address(server, port=proxy.port, name=name), patience=BRIEF).put_file(source)
    there = open_objects(address(server, name=name))
    assert list(there.digests()) == []
    assert there.get(there.put_file(source)) == source.read_bytes()


def test_a_slow_link_is_waited_for(server: ObjectServer, proxy: TcpProxy) -> None:
    proxy.bytes_per_second = 4 << 20
    blobs = open_objects(address(server, port=proxy.port))
    data = b"slow" * 500_000
    assert blobs.get(blobs.put(data)) == data


def test_a_store_that_is_not_there_is_said(server: ObjectServer, proxy: TcpProxy) -> None:
    proxy.close()
    with pytest.raises(Unavailable, match="can it be reached from here"):
        open_objects(address(server, port=proxy.port), patience=BRIEF).put(b"x")


def test_wrong_credentials_are_one_clear_error_without_them(
    server: ObjectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    blobs = open_objects(address(server), patience=BRIEF)
    for ask in (lambda: blobs.put(b"x"), lambda: blobs.get("0" * 64), lambda: list(blobs.digests())):
        with pytest.raises(Unavailable, match="does not let this home in") as caught:
            ask()
        assert caught.value.subject_code == "blobs-not-allowed"
        assert "not-the-secret" not in str(caught.value) and "testkey" not in str(caught.value)


def test_a_bucket_that_is_not_there_is_said(server: ObjectServer) -> None:
    elsewhere = address(server).replace("s3://bucket/", "s3://no-such-bucket/")
    with pytest.raises(Unavailable, match="no bucket"):
        open_objects(elsewhere, patience=BRIEF).put(b"x")


@pytest.mark.parametrize(
    "given",
    [
        "s3://key:secret@bucket/x",
        "s3://bucket/x?secret_access_key=abc",
        "s3://",
        "s3:///x",
        "ftp://bucket/x",
    ],
)
def test_an_address_that_holds_credentials_or_cannot_be_read_is_refused(given: str) -> None:
    with pytest.raises(Refused) as caught:
        object_store(given)
    assert "secret" not in str(caught.value).replace("credentials", "") and "abc" not in str(caught.value)


def test_another_scheme_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(Refused, match="s3://"):
        open_blobs("ftp://bucket/x")


def test_a_real_server_keeps_create_only(server: ObjectServer) -> None:
    assert open_objects(address(server)).keeps_create_only()


def test_a_store_has_one_home(server: ObjectServer) -> None:
    place = address(server)
    open_objects(place).claim("one")
    open_objects(place).claim("one")
    with pytest.raises(Conflict, match="belong to the home one, and this one is two"):
        open_objects(place).claim("two")


def test_what_was_read_once_is_read_from_the_folder(server: ObjectServer, proxy: TcpProxy, tmp_path: Path) -> None:
    place = BlobPlace(address=address(server, port=proxy.port), cache=str(tmp_path / "cache"))
    digest = open_blobs(place.text).put(b"kept near" * 1000)
    proxy.close()
    near = open_blobs(place)
    path = near.path(digest)
    assert path is not None and path.read_bytes() == near.get(digest) == b"kept near" * 1000


def test_the_folder_in_front_stays_small_and_keeps_what_was_used_last(tmp_path: Path) -> None:
    blobs = open_blobs(BlobPlace(address=str(tmp_path / "far")))
    from unshelve.storage.blobs import FolderBlobs
    from unshelve.storage.cached import CachedBlobs

    near = FolderBlobs(tmp_path / "near")
    cached = CachedBlobs(blobs, near, most_bytes=1 << 20)
    digests = [cached.put(bytes([number]) * 100_000) for number in range(30)]
    assert sum(size for _, size, _ in near.files()) <= 1 << 20
    assert near.has(digests[-1])
    assert blobs.has_many(digests) == set(digests)
    assert cached.get(digests[0]) == bytes(100_000)


def test_a_large_file_goes_there_and_back_in_little_memory(server: ObjectServer, tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        for number in range(200):
            file.write(number.to_bytes(8, "big") * (1 << 17))
    blobs = open_objects(address(server))
    blobs.put(b"the first request brings what all need")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    digest = blobs.put_file(source)
    blobs.copy_to(digest, tmp_path / "back")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert (tmp_path / "back").stat().st_size == blobs.size(digest) == 200 << 20
    assert grown < 100 << 20


def test_objects_that_are_no_blobs_are_named(tmp_path: Path) -> None:
    store = MemoryStore()
    blobs = ObjectBlobs(store, "memory")
    good = blobs.put(b"good")
    store.put("sha256/no/blob", b"x")
    store.put(f"sha256/{good[:2]}/{good[2:]}", b"changed")
    assert sorted((found.digest or "", found.problem) for found in blobs.verify()) == [
        ("", "a file that is no blob"),
        (good, "the bytes are not what was written"),
    ]
