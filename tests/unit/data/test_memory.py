from __future__ import annotations

from pathlib import Path

from unshelve.data.memory import killed_for_memory, memory_left


def container(folder: Path, limit: str, used: int = 0, files: int = 0) -> Path:
    (folder / "memory.max").write_text(limit)
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {files}\n")
    return folder


def machine(folder: Path, kibibytes: int) -> Path:
    file = folder / "meminfo"
    file.write_text(f"MemTotal: 99 kB\nMemAvailable:    {kibibytes} kB\n")
    return file


def test_the_machine_says_what_is_left(tmp_path: Path) -> None:
    assert memory_left(machine(tmp_path, 50), container(tmp_path, "max\n")) == 50 * 1024


def test_the_limit_of_a_container_counts_where_it_is_less(tmp_path: Path) -> None:
    assert memory_left(machine(tmp_path, 50), container(tmp_path, "9000\n", used=4000, files=1000)) == 6000
    assert memory_left(machine(tmp_path, 5), container(tmp_path, "9000\n", used=1)) == 5 * 1024


def test_a_full_container_has_nothing_left(tmp_path: Path) -> None:
    assert memory_left(machine(tmp_path, 50), container(tmp_path, "9000", used=9500)) == 0


def test_nothing_is_known_where_nobody_says_so(tmp_path: Path) -> None:
    assert memory_left(tmp_path / "none", tmp_path / "none") is None


def test_what_the_kernel_killed_for_want_of_memory_is_counted_where_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "vmstat").write_text("pgfault 9\noom_kill 3\n")
    assert killed_for_memory(tmp_path / "vmstat") == 3
    assert killed_for_memory(tmp_path / "nothing") == 0
