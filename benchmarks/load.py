"""Load for one HTTP server, and what it cost the server: requests, latencies, CPU time.

`wrk` where it is installed; else a small client of our own, which is slower but says the same things.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one window of load showed. Latencies are milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        return 1e6 * self.cpu_seconds / max(self.requests, 1)


def run(url: str, bodies: Path, key: str, *, connections: int, seconds: float) -> Load:
    """One window: that many connections ask without pause, with the bodies of a file (one a line) in turn."""
    pids = listeners(urlsplit(url).port or 80)
    before = cpu_seconds(pids)
    if shutil.which("wrk"):
        found = _wrk(url, bodies, key, connections=connections, seconds=seconds)
    else:
        lines = bodies.read_bytes().splitlines()
        found = asyncio.run(_ask(url, lines, key, connections=connections, seconds=seconds))
    used = cpu_seconds(pids) - before
    requests, errors = int(found.pop("requests")), int(found.pop("errors"))
    return Load(requests=requests, errors=errors, cpu_seconds=used, **found)


def listeners(port: int) -> list[int]:
    """The processes that hold a listening socket on a port of this machine."""
    sockets = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                sockets.add(f"socket:[{fields[9]}]")
    folders = [folder for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [int(folder.name) for folder in folders if _holds(folder, sockets)]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time that some processes have used so far."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _holds(folder: Path, sockets: set[str]) -> bool:
    try:
        return any(str(handle.readlink()) in sockets for handle in (folder / "fd").iterdir())
    except OSError:
        return False


def _wrk(url: str, bodies: Path, key: str, *, connections: int, seconds: float) -> dict[str, float]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(HERE / "load.lua")]
    ended = subprocess.run([*command, url, "--", str(bodies), key], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


async def _ask(url: str, bodies: list[bytes], key: str, *, connections: int, seconds: float) -> dict[str, float]:
    address = urlsplit(url)
    head = f"POST {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-type: application/json\r\n"
    if key:
        head += f"authorization: Bearer {key}\r\n"
    requests = [f"{head}content-length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
    latencies: list[float] = []
    errors = 0
    began = time.perf_counter()

    async def caller(offset: int) -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        position = offset * 37
        while (started := time.perf_counter()) < began + seconds:
            writer.write(requests[position % len(requests)])
            position += 1
            response = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in response.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
            errors += not response.startswith(b"HTTP/1.1 2")
            latencies.append(1000 * (time.perf_counter() - started))
        writer.close()

    await asyncio.gather(*(caller(n) for n in range(connections)))
    latencies.sort()
    return {
        "requests": len(latencies),
        "seconds": time.perf_counter() - began,
        "p50": latencies[len(latencies) // 2],
        "p99": latencies[int(len(latencies) * 0.99)],
        "errors": errors,
    }
