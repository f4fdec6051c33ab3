"""The page of the store says what should be known about where blobs are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from unshelve.security.actors import Role
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.cached import CachedBlobs
from unshelve.storage.objects import ObjectBlobs, open_memory
from unshelve.upkeep.records import UpkeepKind, record
from unshelve.upkeep.tables import UPKEEP
from unshelve.web.app import build
from web_house import NOW, House, a_house


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


def test_a_solution_says_what_it_keeps_stored_and_an_owner_is_led_to_the_store(house: House) -> None:
    glances = {one["name"]: one for one in house.browser(Role.OWNER).json("/solutions/trains")["glances"]}
    assert glances["Keeps stored"]["figure"] == "86 MB"
    assert glances["Keeps stored"]["below"] == "versions 61 MB, results 15 MB, 2.0 MB shared"
    assert glances["Keeps stored"]["href"] == "/storage"
    page = house.browser(Role.OWNER).get("/solutions/trains").text
    assert '<a href="/storage">Keeps stored</a>' in page and "amounts" in page
    viewer = house.browser(Role.VIEWER).get("/solutions/trains").text
    assert "Keeps stored" in viewer and 'href="/storage"' not in viewer


def test_a_solution_that_was_not_counted_yet_says_nothing_of_bytes(tmp_path: Path) -> None:
    house = a_house(tmp_path)
    with house.site.database.write() as connection:
        connection.execute(UPKEEP.delete())
    assert "Keeps stored" not in house.browser().get("/solutions/trains").text


def test_the_store_says_what_was_done_by_itself_and_what_of_whom_takes_how_much(house: House) -> None:
    said = house.browser().json("/storage")
    assert said["parts"] == ["versions", "data", "results", "answers", "logs"]
    assert said["costs"][0] == {
        "solution": "trains",
        "total": 86_000_000,
        "own": 84_000_000,
        "shared": 2_000_000,
        "parts": [61_000_000, 9_600_000, 15_000_000, 0, 400_000],
    }
    done = {one["what"]: one["said"] for one in said["done"]}
    assert done["Looked after by itself"] == "3 runs, 1 version; swept"
    assert ["What nothing needs", "swept once a day"] in said["kept"]


def test_a_backup_that_lacks_what_the_home_had_lost_says_so(tmp_path: Path) -> None:
    house = a_house(tmp_path)
    told = {"name": "now", "folder": "/backups", "size_bytes": 9000, "blobs": 9, "missing": 2}
    with house.site.database.write() as connection:
        record(connection, UpkeepKind.BACKUP, told, actor="local", now=NOW)
    done = {one["what"]: one["said"] for one in house.browser().json("/storage")["done"]}
    assert done["Backed up"] == "now in /backups, 9.0 kB, without 2 things that the home has lost"
