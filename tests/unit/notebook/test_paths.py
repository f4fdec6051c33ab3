"""The file that a notebook means, where its path leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from unshelve.notebook.paths import NearbyFiles


@pytest.mark.parametrize(
    ("files", "text", "meant"),
    [
        ({"a/x.csv": "1"}, "C:\\\\data\\\\x.csv", "a/x.csv"),
        ({"a/x.csv": "1", "b/x.csv": "2"}, "data/x.csv", None),
        ({"a/x.csv": "1", "b/x.csv": "1"}, "data/x.csv", "a/x.csv"),
        ({"a/x.csv": "1", "b/x.csv": "2"}, "/home/me/b/x.csv", "b/x.csv"),
        ({"x.csv": "1", "b/x.csv": "2"}, "data/x.csv", "x.csv"),
    ],
)
def test_a_file_is_taken_for_another_only_where_it_is_the_one(
    tmp_path: Path, files: dict[str, str], text: str, meant: str | None
) -> None:
    (tmp_path / ".git").mkdir()
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    assert NearbyFiles(tmp_path).meant(text) == meant
