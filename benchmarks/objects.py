"""What object stores and large artifacts cost: small blobs against boto3, 200 MB against a plain copy.

    python benchmarks/objects.py [--large 5120]

Small blobs go to a SeaweedFS that this script starts, one at a time, in rounds that take turns with boto3; both hash
what they send and what they get. A large artifact goes into a local folder and out again, in turns with a copy that
hashes as it reads. `--large` sends one file of so many MB to SeaweedFS and back instead, and shows the memory.
Elapsed time, best and median of the rounds.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import boto3
from botocore.config import Config

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from object_servers import BUCKET, ObjectServer, seaweedfs
from unshelve.storage.blobs import FolderBlobs
from unshelve.storage.opening import open_blobs

ROUNDS = 7
SMALL = 200
SMALL_BYTES = 4096
LARGE_BYTES = 200 << 20
CHUNK_BYTES = 1 << 20

_NUMBERS = count()

PEAK = """
import sys
from pathlib import Path
from unshelve.storage.opening import open_blobs

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) / 1024

blobs, source, target = open_blobs(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
blobs.get(blobs.put(b"warm"))
before = peak()
digest = blobs.put_file(source)
put = peak() - before
blobs.copy_to(digest, target)
print(f"{put:.1f} {peak() - before:.1f}")
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", type=int, default=0, metavar="MB")
    large = parser.parse_args().large
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load}\n")
    with tempfile.TemporaryDirectory(prefix="unshelve-objects-") as name:
        if large:
            far(Path(name), large)
        else:
            small()
            near(Path(name))


def turns(works: dict[str, Callable[[], object]], after: Callable[[], object] = int) -> dict[str, list[float]]:
    """Seconds of each work in each round; the works take turns, and who begins changes. `after` is not measured."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for number in range(ROUNDS):
        order = list(works) if number % 2 == 0 else list(reversed(works))
        for name in order:
            begin = time.perf_counter()
            works[name]()
            found[name].append(time.perf_counter() - begin)
            after()
    return found


def show(name: str, ours: list[float], theirs: list[float], unit: Callable[[float], str]) -> None:
    best, median = min(theirs) / min(ours), statistics.median(theirs) / statistics.median(ours)
    print(f"{name:44} {unit(min(ours)):>12} against {unit(min(theirs)):>12}   {best:5.2f} x  (medians {median:5.2f} x)")


# -- 4 KiB to SeaweedFS --------------------------------------------------------------------------------------------


def small() -> None:
    server = seaweedfs()
    os.environ.update(server.credentials)
    blobs, client = open_blobs(server.address()), boto(server)
    put: dict[str, list[bytes]] = {"ours": [], "boto3": []}

    def fresh() -> bytes:
        return next(_NUMBERS).to_bytes(8, "big") + os.urandom(SMALL_BYTES - 8)

    def ours_put() -> None:
        for _ in range(SMALL):
            put["ours"].append(bytes.fromhex(blobs.put(fresh())))

    def boto_put() -> None:
        for _ in range(SMALL):
            data = fresh()
            digest = hashlib.sha256(data)
            client.put_object(Bucket=BUCKET, Key=f"boto/{digest.hexdigest()}", Body=data)
            put["boto3"].append(digest.digest())

    def ours_get() -> None:
        for digest in put["ours"][:SMALL]:
            blobs.get(digest.hex())

    def boto_get() -> None:
        for digest in put["boto3"][:SMALL]:
            data = client.get_object(Bucket=BUCKET, Key=f"boto/{digest.hex()}")["Body"].read()
            assert hashlib.sha256(data).digest() == digest

    ours_put(), boto_put(), ours_get(), boto_get()  # volumes are made, connections opened
    for name, works in (
        ("4 KiB put to SeaweedFS, against boto3", {"ours": ours_put, "boto3": boto_put}),
        ("4 KiB get from SeaweedFS, against boto3", {"ours": ours_get, "boto3": boto_get}),
    ):
        found = turns(works)
        show(name, found["ours"], found["boto3"], lambda seconds: f"{SMALL / seconds:,.0f}/s")


def boto(server: ObjectServer) -> object:
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )


# -- 200 MB in a folder --------------------------------------------------------------------------------------------


def near(folder: Path) -> None:
    source = folder / "source"
    write(source, LARGE_BYTES)
    kept = FolderBlobs(folder / "kept")
    digest = kept.put_file(source)

    def put() -> None:
        blobs = FolderBlobs(folder / "blobs")
        blobs.put_file(source)

    def copy() -> None:
        plain_copy(source, folder / "copy")

    def get() -> None:
        kept.copy_to(digest, folder / "out")

    def tidy() -> None:
        shutil.rmtree(folder / "blobs", ignore_errors=True)
        for name in ("copy", "out"):
            (folder / name).unlink(missing_ok=True)

    for name, ours in (("200 MB put, against copy + sha256", put), ("200 MB get, against copy + sha256", get)):
        found = turns({"ours": ours, "copy": copy}, after=tidy)
        show(name, found["ours"], found["copy"], lambda seconds: f"{LARGE_BYTES / seconds / 1e6:,.0f} MB/s")
    before = held(folder / "kept")
    kept.put_file(source)
    kept.put(source.read_bytes())
    print(f"{'the same 200 MB again, twice':44} {held(folder / 'kept') - before} bytes more")
    print(f"{'memory growth of put, of put and get':44} {peak(str(folder / 'flat'), source, folder / 'flat-out')} MB")


def plain_copy(source: Path, target: Path) -> str:
    hasher = hashlib.sha256()
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while chunk := reading.read(CHUNK_BYTES):
            hasher.update(chunk)
            writing.write(chunk)
    return hasher.hexdigest()


# -- any size to SeaweedFS -----------------------------------------------------------------------------------------


def far(folder: Path, megabytes: int) -> None:
    server = seaweedfs()
    os.environ.update(server.credentials)
    source = folder / "source"
    write(source, megabytes << 20)
    begin = time.perf_counter()
    growth = peak(server.address(), source, folder / "out")
    print(f"{megabytes} MB to SeaweedFS and back: {time.perf_counter() - begin:.1f} s, memory growth {growth} MB")


def write(path: Path, size: int) -> None:
    piece = os.urandom(CHUNK_BYTES)
    with path.open("wb") as file:
        for number in range(size // CHUNK_BYTES):
            file.write(number.to_bytes(8, "big") + piece[8:])


def peak(address: str, source: Path, target: Path) -> str:
    """How much a process of its own grows by putting a file, and by getting it too."""
    command = [sys.executable, "-c", PEAK, address, str(source), str(target)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def held(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
