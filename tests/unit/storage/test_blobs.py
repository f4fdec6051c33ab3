"""What is particular to blobs in a folder: places, leftovers, damage, a full disk. The rest is in tests/contract."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unshelve.errors import Damaged, Refused, StorageFull
from unshelve.storage.blobs import BlobProblem, FolderBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


def files(blobs: FolderBlobs) -> list[str]:
    return sorted(str(path.relative_to(blobs.root)) for path in blobs.root.rglob("*") if path.is_file())


def place(blobs: FolderBlobs, digest: str) -> Path:
    found = blobs.path(digest)
    assert found is not None
    return found


def change(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    path.write_bytes(data)


def test_a_blob_lies_under_its_digest_for_its_owner_to_read(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"abc")
    assert files(blobs) == [f"sha256/{digest[:2]}/{digest[2:]}"]
    assert place(blobs, digest).stat().st_mode & 0o777 == 0o400


def test_folders_are_made_when_they_are_needed(blobs: FolderBlobs) -> None:
    assert list(blobs.root.iterdir()) == [blobs.root / "sha256"]
    assert list((blobs.root / "sha256").iterdir()) == []


def test_changed_bytes_are_not_given_out(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"the truth")
    change(place(blobs, digest), b"the trutH")
    with pytest.raises(Damaged) as caught:
        blobs.get(digest)
    assert caught.value.details == {"digest": digest}


def test_a_blob_cut_short_by_a_loss_of_power_is_mended_by_the_next_put(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"0123456789")
    change(place(blobs, digest), b"0123")
    assert blobs.put(b"0123456789") == digest
    assert blobs.get(digest) == b"0123456789"


def test_verify_names_what_is_wrong_and_nothing_else(blobs: FolderBlobs) -> None:
    good, bad = blobs.put(b"good"), blobs.put(b"bad")
    change(place(blobs, bad), b"worse")
    (blobs.root / "sha256" / "note.txt").write_text("x")
    assert sorted(blobs.verify(), key=lambda found: found.problem) == [
        BlobProblem(None, str(blobs.root / "sha256" / "note.txt"), "a file that is no blob"),
        BlobProblem(bad, str(place(blobs, bad)), "the bytes are not what was written"),
    ]
    assert blobs.has(good)


def test_what_a_killed_process_left_is_no_blob_and_goes_after_an_hour(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"whole")
    fresh = place(blobs, digest).parent / ".new-1-a-1"
    stale = place(blobs, digest).parent / ".new-1-a-2"
    for path in (fresh, stale):
        path.write_bytes(b"ha")
    os.utime(stale, (0, 0))
    assert list(blobs.verify()) == []
    assert list(blobs.digests()) == [digest]
    assert (fresh.exists(), stale.exists()) == (True, False)


def test_putting_again_makes_a_blob_new_for_a_sweep_of_old_ones(blobs: FolderBlobs) -> None:
    digest = blobs.put(b"old")
    os.utime(place(blobs, digest), (1000, 1000))
    assert list(blobs.digests(before=2000)) == [digest]
    blobs.put(b"old")
    assert list(blobs.digests(before=2000)) == []


def test_a_file_that_cannot_be_read_leaves_nothing(blobs: FolderBlobs, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.put_file(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        blobs.put_file(tmp_path)
    assert files(blobs) == []


FULL = """
import resource, sys
from pathlib import Path
from unshelve.errors import StorageFull
from unshelve.storage.blobs import FolderBlobs
blobs = FolderBlobs(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
for put in (lambda: blobs.put(b"x" * 200_000), lambda: blobs.put_file(Path(sys.argv[2]))):
    try:
        put()
    except StorageFull as error:
        print("full:", error.status, isinstance(error, OSError))
print(blobs.put(b"small"))
"""


def test_a_full_disk_leaves_nothing_half_written(blobs: FolderBlobs, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"y" * 200_000)
    said = subprocess.run(
        [sys.executable, "-c", FULL, str(blobs.root), str(big)], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    digest = hashlib.sha256(b"small").hexdigest()
    assert said == ["full: 503 True", "full: 503 True", digest]
    assert files(blobs) == [f"sha256/{digest[:2]}/{digest[2:]}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root; RLIMIT_FSIZE above covers the rest")
def test_a_really_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        blobs = FolderBlobs(disk / "blobs")
        kept = blobs.put(b"kept")
        with pytest.raises(StorageFull):
            blobs.put(b"x" * 1_000_000)
        assert (list(blobs.digests()), list(blobs.verify())) == ([kept], [])
        assert files(blobs) == [f"sha256/{kept[:2]}/{kept[2:]}"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@given(st.text(max_size=80))
def test_no_text_but_a_digest_reaches_the_disk(text: str) -> None:
    blobs = FolderBlobs.__new__(FolderBlobs)
    blobs._prefix = "/nowhere/"
    with pytest.raises(Refused):
        blobs.has(text)
