"""A table larger than memory: ratings from a source over steps to a model, and what a large artifact costs.

    python benchmarks/big.py --rows 100000000     # the whole pipeline, by `unshelve run`; needs 5 GB of disk
    python benchmarks/big.py --artifact           # 1 GiB of numbers as an artifact, against numpy.save and numpy.load
    python benchmarks/big.py --appended           # a million rows more behind ten million

The first gives the seconds and the peak of memory of each step, and of every process by its resident set, of which
files that are mapped are a part. Its floor is a plain script that writes the same ratings to one Parquet file.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SOLUTION = HERE / "ratings"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--artifact", action="store_true")
    parser.add_argument("--appended", action="store_true")
    parser.add_argument("--child", choices=("write", "read", "save", "load", "plain"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        _child(given.child, given.folder, given.rows)
        return
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="unshelve-big-", dir="/var/tmp") as folder:
        if given.rows:
            pipeline(given.rows, Path(folder))
        if given.artifact:
            artifact(Path(folder))
        if given.appended:
            appended(Path(folder))


def pipeline(rows: int, folder: Path) -> None:
    """One run of the solution, and the plain script."""
    command = [sys.executable, "-m", "unshelve", "run", str(SOLUTION), "--home", str(folder / "home")]
    began = time.monotonic()
    process = subprocess.Popen(
        [*command, "--set", f"ratings.rows={rows}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peaks: dict[int, tuple[str, int]] = {}
    while process.poll() is None:
        for pid in _tree(process.pid):
            _note(pid, peaks)
        time.sleep(0.2)
    seconds = time.monotonic() - began
    if process.returncode:
        print(process.stdout.read() if process.stdout else "")
        raise SystemExit(f"the run ended with {process.returncode}")
    print(f"{rows:,} rows from source to an answering model in {seconds:,.0f} s")
    steps = _steps(folder / "home")
    for task, state, took, peak, words in steps:
        print(f"  {task:<24} {state:<6} {took:8.1f} s   peak {(peak or 0) / 1e9:5.2f} GB   {words}")
    print(f"  the source alone: {rows / steps[0][2]:,.0f} rows/s")
    print("peak of each process: " + ", ".join(f"{name} {size / 1e9:.2f} GB" for name, size in peaks.values()))
    print(f"the largest: {max(size for _, size in peaks.values()) / 1e9:.2f} GB, to be under 8 GB")
    stored = sum(file.stat().st_size for file in (folder / "home").rglob("*") if file.is_file())
    print(f"on the disk: {stored / 1e9:.2f} GB")
    plain = _measured("plain", folder, rows=rows)
    print(
        f"floor, the same ratings to one Parquet file: {plain['seconds']:.1f} s, "
        f"{rows / plain['seconds']:,.0f} rows/s, peak {plain['peak'] / 1e9:.2f} GB; "
        f"the source takes {steps[0][2] / plain['seconds']:.2f}x as long"
    )


def artifact(folder: Path) -> None:
    """A process each for writing and reading 1 GiB, ours and numpy's, in turns; the best of three."""
    found: dict[str, list[dict[str, float]]] = {}
    for _ in range(3):
        for what in ("save", "write", "load", "read"):
            found.setdefault(what, []).append(_measured(what, folder))
    best = {what: min(several, key=lambda each: each["seconds"]) for what, several in found.items()}
    for ours, theirs in (("write", "save"), ("read", "load")):
        over = max(each["over"] for each in found[ours])
        print(
            f"{ours} 1 GiB: {best[ours]['seconds']:.2f} s, numpy.{theirs} {best[theirs]['seconds']:.2f} s "
            f"({best[ours]['seconds'] / best[theirs]['seconds']:.2f}x); memory over its own size {over / 1e6:.0f} MB"
        )


def appended(folder: Path) -> None:
    """How much of a dataset is stored anew when rows are appended."""
    from unshelve.data.dataset import write_dataset
    from unshelve.storage.blobs import FolderBlobs

    blobs = FolderBlobs(folder / "blobs")
    tables = list(_ratings(11_000_000))
    began = time.monotonic()
    first = write_dataset(tables[:10], blobs)
    whole = time.monotonic() - began
    before = {digest: blobs.size(digest) for digest in blobs.digests()}
    began = time.monotonic()
    longer = first.appended(tables[10:])
    took = time.monotonic() - began
    added = sum(blobs.size(digest) for digest in blobs.digests() if digest not in before)
    kept = len(set(first.parts) & set(longer.parts))
    print(
        f"10 million rows: {whole:.1f} s, {len(first.parts)} parts, {first.size_bytes / 1e6:.0f} MB; a million more: "
        f"{took:.1f} s, {kept} parts as they were, {added / 1e6:.0f} MB stored anew"
    )


def _measured(what: str, folder: Path, rows: int = 0) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", what, "--folder", str(folder), "--rows", str(rows)]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _child(what: str, folder: Path, rows: int) -> None:
    """One measurement in a process of its own, so that its peak of memory is its own."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from unshelve.pipeline.artifacts import read_artifact, write_artifact
    from unshelve.pipeline.kinds import Artifact, ArtifactKind
    from unshelve.storage.blobs import FolderBlobs

    values = np.random.default_rng(0).random(1 << 27) if what in ("write", "save") else None
    blobs = FolderBlobs(folder / "blobs")
    before, began = _peak(), time.monotonic()
    note = folder / "artifact.json"
    size = 1 << 30
    if what == "write":
        made = write_artifact(values, blobs)
        note.write_text(json.dumps({"digest": made.digest, "size": made.size_bytes}), encoding="utf-8")
    elif what == "save":
        assert values is not None
        np.save(folder / "plain.npy", values)
    elif what == "read":
        noted = json.loads(note.read_text(encoding="utf-8"))
        kept = Artifact(digest=noted["digest"], kind=ArtifactKind.ARRAY, size_bytes=noted["size"])
        value: Any = read_artifact(kept, blobs, trusted=lambda _: False)
        assert value.sum() > 0
    elif what == "load":
        assert np.load(folder / "plain.npy").sum() > 0
    elif what == "plain":
        tables = (pa.RecordBatch.from_pandas(table, preserve_index=False) for table in _ratings(rows))
        first = next(tables)
        with pq.ParquetWriter(folder / "plain.parquet", first.schema, compression="zstd") as writer:
            for batch in itertools.chain([first], tables):
                writer.write_batch(batch)
    seconds, peak = time.monotonic() - began, _peak()
    already = what in ("write", "save")
    print(json.dumps({"seconds": seconds, "peak": peak, "over": peak - before - (0 if already else size)}))


def _ratings(rows: int) -> Iterator[Any]:
    sys.path.insert(0, str(SOLUTION))
    from solution import ratings  # type: ignore[import-not-found]  # the solution's folder is on the path

    yield from ratings(rows)


def _tree(pid: int) -> Iterator[int]:
    """A process and those below it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return
    for child in children:
        yield from _tree(int(child))


def _note(pid: int, peaks: dict[int, tuple[str, int]]) -> None:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return
    size = next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), 0)
    name = b" ".join(command[1:4]).decode(errors="replace").replace("-P -m ", "").replace("-m ", "") or "?"
    peaks[pid] = (name, max(size, peaks.get(pid, ("", 0))[1]))


def _steps(home: Path) -> list[tuple[str, str, float, int | None, str]]:
    """The steps of the run in the order in which they were recorded."""
    from unshelve.pipeline.kinds import artifact_from_json
    from unshelve.registry.runs import runs_of, steps_of
    from unshelve.solution.control import Control

    with Control.open(home) as control, control.database.read() as connection:
        run = runs_of(connection, "ratings")[0]
        return [
            (
                step.task,
                step.state.value,
                step.seconds or 0.0,
                step.peak_bytes,
                "; ".join(artifact_from_json(one).words for one in (step.outputs or {}).values()),
            )
            for step in steps_of(connection, run.id)
        ]


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
