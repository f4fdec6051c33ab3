"""The page of the store says what should be known about where blobs are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.objects import ObjectBlobs, open_memory
from unshelve.web.app import build
from web_house import House


def with_blobs(house: House, far: ObjectBlobs, folder: Path) -> House:
    blobs = CachedBlobs(far, FolderBlobs(folder), most_bytes=2_000_000_000)
    site = replace(house.site, blobs=blobs)
    return replace(house, site=site, app=build(site))


def test_a_folder_needs_no_remark(empty_house: House) -> None:
    said = empty_house.browser().json("/storage")
    assert (said["remark"], said["copies"]) == ("", "")


def test_a_store_that_ignores_create_only_is_said(empty_house: House, tmp_path: Path) -> None:
    far = open_memory("s3://careless/x")
    house = with_blobs(empty_house, far, tmp_path / "copies")
    assert house.browser().json("/storage")["remark"] == ""  # not probed
    far.create_only = False
    browser = house.browser()
    assert browser.json("/storage")["remark"].startswith("s3://careless/x overwrites what is there")
    assert "Create only is not kept" in browser.get("/storage").text


def test_where_copies_lie_and_how_many_is_said(empty_house: House, tmp_path: Path) -> None:
    house = with_blobs(empty_house, open_memory("s3://ours/x"), tmp_path / "copies")
    assert house.browser().json("/storage")["copies"] == f"{tmp_path / 'copies'}, up to 2.0 GB"
