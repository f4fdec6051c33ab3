"""Archives: unpacked whole within limits, or not at all."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from unshelve.errors import Refused, TooLarge, UnsupportedType
from unshelve.security.archives import ArchiveLimits, extract


def zipped(path: Path, entries: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as packed:
        for name, data in entries.items():
            packed.writestr(zipfile.ZipInfo(name), data, compression)
    return path


def tarred(path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for member, data in members:
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def nothing_left(folder: Path, archive: Path) -> bool:
    return sorted(folder.iterdir()) == [archive]


def test_a_zip_is_unpacked(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"x/": b"", "x/one.txt": b"1", "two.txt": b"22"})
    out = tmp_path / "out"
    assert extract(archive, out) == [out / "two.txt", out / "x" / "one.txt"]
    assert (out / "x" / "one.txt").read_bytes() == b"1"


def test_a_tar_is_unpacked(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "a.tar.gz", [(member("x", tarfile.DIRTYPE), b""), (member("x/one.txt"), b"1")])
    assert extract(archive, tmp_path / "out") == [tmp_path / "out" / "x" / "one.txt"]


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a\\..\\evil", "C:\\evil", "nul", "a//b"])
def test_paths_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    for archive in (
        zipped(tmp_path / "a.zip", {"good": b"1", name: b"x"}),
        tarred(tmp_path / "a.tar.gz", [(member("good"), b"1"), (member(name), b"x")]),
    ):
        with pytest.raises(Refused):
            extract(archive, tmp_path / "deep" / "out")
        assert list((tmp_path / "deep").iterdir()) == []
        assert not (tmp_path / "evil").exists()
        archive.unlink()


def test_a_nul_in_a_zips_name_is_seen(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"good.txtXevil": b"x"})
    archive.write_bytes(archive.read_bytes().replace(b"good.txtXevil", b"good.txt\x00evil"))
    with pytest.raises(Refused):
        extract(archive, tmp_path / "out")
    assert nothing_left(tmp_path, archive)


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE],
    ids=["symlink", "link", "device", "fifo"],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = tarred(tmp_path / "a.tar", [(member("x", kind, "/etc"), b""), (member("x/passwd"), b"evil")])
    with pytest.raises(Refused, match="neither a file nor a folder"):
        extract(archive, tmp_path / "out")
    assert nothing_left(tmp_path, archive)


def test_links_in_a_zip_are_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    link = zipfile.ZipInfo("x")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr(link, "/etc")
    with pytest.raises(Refused, match="neither a file nor a folder"):
        extract(archive, tmp_path / "out")
    assert nothing_left(tmp_path, archive)


def test_a_bomb_is_stopped_by_what_comes_out_of_it(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"zeros": b"\0" * 50_000_000})
    with pytest.raises(TooLarge, match="200 times larger"):
        extract(archive, tmp_path / "out")
    assert nothing_left(tmp_path, archive)


def test_a_small_archive_of_zeros_is_no_bomb(tmp_path: Path) -> None:
    assert len(extract(zipped(tmp_path / "a.zip", {"zeros": b"\0" * 900_000}), tmp_path / "out")) == 1


def test_too_much_and_too_many_are_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {f"f{number}": os.urandom(100) for number in range(20)})
    with pytest.raises(TooLarge, match="more than 19 entries"):
        extract(archive, tmp_path / "out", limits=ArchiveLimits(entries=19))
    with pytest.raises(TooLarge, match="more than 1,999 bytes"):
        extract(archive, tmp_path / "out", limits=ArchiveLimits(total_bytes=1999))
    assert nothing_left(tmp_path, archive)
    assert len(extract(archive, tmp_path / "out", limits=ArchiveLimits(entries=20, total_bytes=2000))) == 20


def test_one_name_twice_is_refused_also_in_another_case(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"Name": b"1", "name": b"2"})
    with pytest.raises(Refused, match="twice"):
        extract(archive, tmp_path / "out")


def test_a_file_where_a_folder_is_needed_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"x": b"1", "x/y": b"2"})
    with pytest.raises(Refused):
        extract(archive, tmp_path / "out")
    assert nothing_left(tmp_path, archive)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[: len(data) // 2],
    "flipped": lambda data: data[:60] + bytes(255 - byte for byte in data[60:90]) + data[90:],
    "empty": lambda _: b"",
    "text": lambda _: b"this is no archive at all" * 50,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_damaged_archives_are_refused(tmp_path: Path, damage: str, kind: str) -> None:
    data = os.urandom(3000)
    archive = tmp_path / "a"
    zipped(archive, {"x": data}) if kind == "zip" else tarred(archive, [(member("x"), data)])
    archive.write_bytes(DAMAGES[damage](archive.read_bytes()))
    with pytest.raises((Refused, UnsupportedType)):
        extract(archive, tmp_path / "out")
    assert nothing_left(tmp_path, archive)


def test_an_existing_folder_is_not_written_into(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"x": b"1"})
    (tmp_path / "out").mkdir()
    with pytest.raises(Refused, match="exists already"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", {"x": os.urandom(300_000)})
    script = (
        "import resource, sys; from pathlib import Path; from unshelve.security.archives import extract\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try: extract(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except Exception as error: print(type(error).__name__)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script, str(archive), str(tmp_path / "out")], capture_output=True, text=True, check=True
    ).stdout
    assert said == "StorageFull\n"
    assert nothing_left(tmp_path, archive)
