"""What a worker leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from unshelve.pipeline import worker_process
from unshelve.pipeline.worker_process import forget_shared


def test_what_joblib_kept_for_a_process_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "_SHARED", tmp_path)
    for number in (12, 123):
        (tmp_path / f"sem.loky-{number}-ab").touch()
        (tmp_path / f"joblib_memmapping_folder_{number}_ab").mkdir()
        (tmp_path / f"joblib_memmapping_folder_{number}_ab" / "array.pkl").touch()
    forget_shared(12)
    found = sorted(each.name for each in tmp_path.iterdir())
    assert found == ["joblib_memmapping_folder_123_ab", "sem.loky-123-ab"]
