"""Paths from outside: what is accepted stays inside, and every known trick is refused."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unshelve.errors import Refused
from unshelve.security.paths import file_name, inside

# What other servers were broken with (CVE-2023-1177, -2780, -6831, CVE-2024-1558, -1560 and their kin).
TRICKS = [
    "",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "a/./b",
    "./a",
    "a//b",
    "a/",
    "/etc/passwd",
    "//host/share",
    "~root/x",
    "~",
    "..\\x",
    "a\\..\\..\\b",
    "\\\\host\\share",
    "C:\\x",
    "C:x",
    "c:/x",
    "file:///etc/passwd",
    "http://x/y",
    "s3://b/k",
    "%2e%2e/x",
    "%2E%2e%2fx",
    "a%2fb",
    "a%5cb",
    "%252e%252e%252fx",
    "%25252e%25252e/x",
    "a%00b",
    "a\x00b",
    "a\nb",
    "a\rb",
    "a\x1b[0m",
    "a\x7fb",
    "a\u202eb",
    "a\u200bb",
    "a\ufeffb",
    "a\ud800b",
    "con",
    "CON.txt",
    "aux.tar.gz",
    "a/NUL",
    "com1",
    "LPT9.log",
    "com\u00b9",
    "name.",
    "name ",
    " name",
    "a/b. /c",
    "...",
    "x" * 256,
    "\u00e9" * 128,
    "/".join(["x" * 100] * 11),
]


@pytest.mark.parametrize("text", TRICKS, ids=ascii)
def test_tricks_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused, match=r"The path .* is refused: ") as caught:
        inside(tmp_path, text)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "a/b/c.txt",
        "100% sure.csv",
        ".hidden",
        "a..b",
        "...a",
        "Übersicht 2024.xlsx",
        "表.parquet",
        "console",
        "x" * 255,
    ],
)
def test_ordinary_names_are_accepted(tmp_path: Path, text: str) -> None:
    assert inside(tmp_path, text) == tmp_path.resolve() / text


pieces = st.sampled_from(
    ["..", ".", "", "a", "b c", "%2e", "\\", "/", "C:", "~", "\x00", "nul", "é", "x" * 200, " ", "link"]
)


@given(
    st.one_of(
        st.text(max_size=60), st.lists(pieces, max_size=8).map("/".join), st.lists(pieces, max_size=8).map("".join)
    )
)
@example("a/" * 600)
def test_whatever_is_accepted_is_inside_and_means_one_thing(text: str) -> None:
    root = Path("/nowhere/at/all")
    try:
        place = inside(root, text)
    except Refused:
        return
    assert place.is_relative_to(root)
    assert place != root
    assert os.path.normpath(place) == str(place)
    assert str(place.relative_to(root)) == text
    assert not any(unicodedata.category(letter).startswith("C") and letter.isascii() for letter in text)


def test_a_link_that_leads_out_is_refused_and_one_that_stays_is_not(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "real").mkdir(parents=True)
    outside.mkdir()
    (root / "out").symlink_to(outside)
    (root / "up").symlink_to("..")
    (root / "around").symlink_to("real")
    (root / "loop").symlink_to("loop")
    (root / "new").symlink_to(outside / "not-there-yet")
    for text in ("out", "out/x", "up/outside", "new", "loop/x"):
        with pytest.raises(Refused):
            inside(root, text)
    assert inside(root, "around/x") == root.resolve() / "around" / "x"


def test_a_root_that_is_itself_a_link_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert inside(tmp_path / "link", "x") == (tmp_path / "real").resolve() / "x"


def test_a_file_name_has_one_part() -> None:
    assert file_name("March.xlsx") == "March.xlsx"
    for text in ("a/b", "../a", "", "a\x00"):
        with pytest.raises(Refused):
            file_name(text)
