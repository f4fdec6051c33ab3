"""One row over HTTP: this server beside a hand-written service and beside a bare ASGI application.

    python benchmarks/answers.py                                                    everything started here
    python benchmarks/answers.py --url http://127.0.0.1:8000 --key KEY [--body F]   a server that runs already

All are up at once and take turns, window by window, so that what else the machine does falls on each alike. The
hand-written service answers from the very model that `examples/flights` trains, with the author's own transform;
it has no sign-in, no validation beyond pydantic and no log. Started here, ours answers from that model too; with
--url it is the server's own. "No model" is our whole path with a model that costs nothing. CPU is user and system
time by request, of every process that listens on the port. Bodies are 500 different flights, in turn; --body names
another file, one body a line (then for ours alone). BENCH_TOGETHER=64 lets ours answer waiting rows by one call.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import load

PEERS = Path(__file__).parent / "peers"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
ROUTE = "/api/models/flights.lateness/predict"
NO_MODEL = "/api/models/flights.nothing/predict"


@dataclass(frozen=True, slots=True)
class Server:
    """Something that answers."""

    name: str
    url: str
    key: str
    bodies: Path


def main() -> None:
    options = parse()
    more: list[Server] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model, bodies = folder / "model.pickle", folder / "bodies.jsonl"
        subprocess.run([sys.executable, str(PEERS / "flights_model.py"), str(model), str(bodies)], check=True)
        os.environ.update(ONE_THREAD, PEER_MODEL=str(model))
        if options.url:
            named = options.url.rstrip("/") + (ROUTE if "/api/" not in options.url else "")
            ours = Server("unshelve", named, options.key, Path(options.body) if options.body else bodies)
        else:
            url, key = stack.enter_context(our_server(folder))
            ours = Server("unshelve", url + ROUTE, key, bodies)
            more = [Server("unshelve, no model", url + NO_MODEL, key, bodies)]
        written = stack.enter_context(uvicorn_server("handwritten:app"))
        bare = stack.enter_context(uvicorn_server("bare:app"))
        servers = [
            ours,
            Server("hand-written", f"{written}/predict", "", bodies),
            Server("bare ASGI", f"{bare}/predict", "", bodies),
            *more,
        ]
        results = measure(servers, options.connections, seconds=options.seconds, rounds=options.rounds)
    show(servers, results)
    if options.json:
        said = {"machine": machine(), "results": {f"{n}@{c}": [asdict(x) for x in r] for (n, c), r in results.items()}}
        Path(options.json).write_text(json.dumps(said, indent=1) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="base address of a running server")
    parser.add_argument("--key", default=os.environ.get("UNSHELVE_KEY", ""))
    parser.add_argument("--body", help="a file of bodies, one a line")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", help="where to write every window")
    return parser.parse_args()


def measure(
    servers: list[Server], connections: list[int], *, seconds: float, rounds: int
) -> dict[tuple[str, int], list[load.Load]]:
    """Every window of every server, by name and connections."""
    results: dict[tuple[str, int], list[load.Load]] = {}
    for server in servers:
        load.run(server.url, server.bodies, server.key, connections=4, seconds=1)
    for turn in range(rounds):
        for count in connections:
            for server in servers if turn % 2 == 0 else reversed(servers):
                found = load.run(server.url, server.bodies, server.key, connections=count, seconds=seconds)
                if found.errors:
                    raise SystemExit(f"{server.name}: {found.errors} of {found.requests} requests failed")
                results.setdefault((server.name, count), []).append(found)
    return results


def show(servers: list[Server], results: dict[tuple[str, int], list[load.Load]]) -> None:
    """Medians over the rounds, with the spread of the requests per second."""
    print(machine())
    print(f"{'server':24}{'conn.':>6}{'requests/s':>12}{'least-most':>16}{'p50 ms':>9}{'p99 ms':>9}{'CPU us':>9}")
    for (name, count), windows in sorted(results.items(), key=lambda item: item[0][1]):
        rates = [window.per_second for window in windows]
        spread = f"{min(rates):,.0f}-{max(rates):,.0f}"
        p50, p99, cpu = (
            statistics.median(getattr(window, part) for window in windows)
            for part in ("p50", "p99", "cpu_microseconds")
        )
        print(f"{name:24}{count:6}{statistics.median(rates):12,.0f}{spread:>16}{p50:9.2f}{p99:9.2f}{cpu:9,.0f}")
    for count in sorted({count for _, count in results}):
        pairs = zip(results[servers[0].name, count], results[servers[1].name, count], strict=True)
        ratio = statistics.median(ours.per_second / theirs.per_second for ours, theirs in pairs)
        print(f"unshelve / hand-written at {count}: {ratio:.2f} times the requests/s (median over rounds)")


def machine() -> str:
    model = next(
        (x.split(":")[1].strip() for x in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in x), ""
    )
    tool = "wrk" if shutil.which("wrk") else "own client"
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {tool}, load {os.getloadavg()[0]:.1f}"


@contextmanager
def uvicorn_server(app: str) -> Iterator[str]:
    """A peer under uvicorn as it is started from the command line, without its access log."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=PEERS)
    try:
        wait_for_port(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def our_server(folder: Path) -> Iterator[tuple[str, str]]:
    """An answer process of ours with the same model, and a key to ask it with."""
    from unshelve.security.actors import LOCAL, Role
    from unshelve.security.keys import create_key
    from unshelve.serving.process import AnswerProcesses, AnswerSettings
    from unshelve.storage.database import Database
    from unshelve.storage.home import Home
    from unshelve.storage.migration import migrate

    home = Home.create_or_open(folder / "home")
    database = Database.open(home.database_file)
    migrate(database)
    with database.write() as connection:
        key = create_key(connection, "benchmark", Role.USER, actor=LOCAL, now=datetime.now(UTC)).text
    os.environ["PYTHONPATH"] = str(PEERS)
    settings = AnswerSettings(
        home=home.root,
        database=str(home.database_file),
        blobs=str(home.blobs),
        control=home.root / "run" / "control.sock",
        releases="ours:releases",
        port=free_port(),
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> AnswerProcesses:
        processes = AnswerProcesses(settings)
        await processes.start()
        return processes

    processes = asyncio.run_coroutine_threadsafe(start(), loop).result()
    try:
        yield f"http://127.0.0.1:{processes.port}", key
    finally:
        asyncio.run_coroutine_threadsafe(processes.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        database.close()


def free_port() -> int:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for_port(port: int) -> None:
    ends = time.monotonic() + 60
    while not load.listeners(port):
        if time.monotonic() > ends:
            raise SystemExit(f"nothing listens on {port} after a minute")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
