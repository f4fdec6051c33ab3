"""Plugs: found by name when they are asked for, with words for what can be wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from unshelve.errors import Conflict, NotFound, Unavailable
from unshelve.plugins import Group, load, names


def install(folder: Path, package: str, points: str) -> None:
    """A distribution as pip leaves it, as far as entry points go."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[unshelve.alerters]\n{points}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    install(tmp_path, "pager", "sms = collections:OrderedDict\nbroken = no_such_module:Thing\nlost = json:Nothing")
    return tmp_path


def test_a_plug_is_found_and_loaded_by_name(site: Path) -> None:
    assert names(Group.ALERTERS) == ["broken", "lost", "sms"]
    assert load(Group.ALERTERS, "sms") is __import__("collections").OrderedDict


def test_listing_imports_nothing(site: Path) -> None:
    names(Group.ALERTERS)
    assert "no_such_module" not in sys.modules


def test_an_unknown_plug_says_what_is_near(site: Path) -> None:
    with pytest.raises(NotFound, match="Did you mean sms") as caught:
        load(Group.ALERTERS, "smss")
    assert caught.value.subject_code == "plug-not-found"
    with pytest.raises(NotFound):
        load(Group.SOURCES, "sms")


@pytest.mark.parametrize("name", ["broken", "lost"])
def test_a_plug_that_cannot_be_imported_names_its_package(site: Path, name: str) -> None:
    with pytest.raises(Unavailable, match=f"plug '{name}' of pager cannot be imported"):
        load(Group.ALERTERS, name)


def test_one_name_from_two_packages_is_a_conflict(site: Path) -> None:
    install(site, "other", "sms = collections:Counter")
    with pytest.raises(Conflict, match=r"other, pager|pager, other"):
        load(Group.ALERTERS, "sms")
