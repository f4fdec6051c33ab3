"""From an address or a home's settings to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from unshelve.errors import Refused
from unshelve.settings import Settings
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.home import Home
from unshelve.storage.objects import ObjectBlobs
from unshelve.storage.opening import BlobPlace, blob_place, open_blobs


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.create_or_open(tmp_path / "home")


def test_a_path_and_a_file_address_are_folders(tmp_path: Path) -> None:
    for address in (
        str(tmp_path / "my blobs"),
        f"file://{tmp_path}/my%20blobs",
        f"file://localhost{tmp_path}/my%20blobs",
    ):
        opened = open_blobs(address)
        assert isinstance(opened, FolderBlobs)
        assert opened.root == tmp_path / "my blobs"


@pytest.mark.parametrize("address", ["s3://models/x?region=eu-north-1", "az://models/x?account=ours", "gs://models/x"])
def test_each_provider_is_opened_without_being_asked(address: str) -> None:
    opened = open_blobs(address)
    assert isinstance(opened, ObjectBlobs)
    assert opened.name == address.partition("?")[0]


def test_an_unknown_kind_of_store_is_refused_with_what_is_near() -> None:
    with pytest.raises(Refused, match="Did you mean s3") as caught:
        open_blobs("s3a://models/x?secret=hush")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("address", ["file://elsewhere/blobs", "file://", "file:///x?y=1"])
def test_a_file_address_of_another_machine_is_refused(address: str) -> None:
    with pytest.raises(Refused):
        open_blobs(address)


def test_a_home_keeps_its_blobs_in_itself_unless_told_otherwise(home: Home, tmp_path: Path) -> None:
    assert blob_place(home, Settings()).address == str(home.blobs)
    told = blob_place(home, Settings(blobs=str(tmp_path / "elsewhere"), durable_blobs=True))
    assert (told.address, told.durable) == (str(tmp_path / "elsewhere"), True)
    assert isinstance(open_blobs(told), FolderBlobs)


def test_a_store_elsewhere_has_a_folder_of_copies_in_the_home(home: Home) -> None:
    place = blob_place(home, Settings(blobs="s3://models/x", blob_cache_bytes=2_000_000))
    assert place == BlobPlace(address="s3://models/x", cache=str(home.root / "cache"), cache_bytes=2_000_000)
    opened = open_blobs(place)
    assert isinstance(opened, CachedBlobs)
    assert (type(opened.far), opened.folder.root, opened.most_bytes) == (ObjectBlobs, home.cache, 2_000_000)


def test_a_place_is_the_same_in_another_process(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = blob_place(home, Settings(blobs="here"))
    monkeypatch.chdir("/")
    opened = open_blobs(place.text)
    assert isinstance(opened, FolderBlobs)
    assert opened.root == tmp_path / "here"


def test_a_home_cannot_keep_its_blobs_in_the_memory_of_one_process(home: Home) -> None:
    with pytest.raises(Refused, match="several processes"):
        blob_place(home, Settings(blobs="memory://"))
