"""Real object stores for tests: SeaweedFS, moto and Azurite, each started when it is first asked for.

They listen on free loopback ports, hold nothing after the test process, and are stopped by their own process ids.
"""

from __future__ import annotations

import atexit
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import obstore
from obstore.store import S3Store

KEY, SECRET = "testkey", "testsecret/with+odd=letters"
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = base64.b64encode(b"k" * 64).decode()
NODE = Path(__file__).parents[1] / "requirements" / "node"


@dataclass
class ObjectServer:
    """A running server: how a store on it is addressed, and what the environment must hold to be let in."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int
    address: str
    """With {name} for a prefix."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(timeout=30)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def seaweedfs() -> ObjectServer:
    """SeaweedFS in one process, with a bucket called `bucket`."""
    folder = Path(tempfile.mkdtemp(prefix="unshelve-seaweedfs-"))
    ports = free_ports(8)
    (folder / "s3.json").write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": "test",
                        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
                        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                    }
                ]
            }
        )
    )
    program = Path(sys.executable).parent / "weed"
    if not program.exists():
        program = Path(str(shutil.which("weed")))
    command = [
        str(program), "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        f"-s3.config={folder / 's3.json'}", f"-s3.port={ports[0]}", f"-s3.port.grpc={ports[1]}",
        f"-master.port={ports[2]}", f"-master.port.grpc={ports[3]}", f"-volume.port={ports[4]}",
        f"-volume.port.grpc={ports[5]}", f"-filer.port={ports[6]}", f"-filer.port.grpc={ports[7]}",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false", "-volume.max=60",
        "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1",
    ]  # fmt: skip
    server = _started(
        command, folder, ports[0], f"s3://bucket/{{name}}?endpoint=http://127.0.0.1:{ports[0]}", _s3_environment()
    )
    _await(lambda: _make_bucket(ports[0]), server)
    return server


@cache
def moto() -> ObjectServer:
    """moto's server: S3 in Python."""
    folder = Path(tempfile.mkdtemp(prefix="unshelve-moto-"))
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    address = f"s3://bucket/{{name}}?endpoint=http://127.0.0.1:{port}"
    server = _started(command, folder, port, address, _s3_environment())
    _await(lambda: _make_bucket(port), server)
    return server


@cache
def azurite() -> ObjectServer:
    """Azurite: Azure's blobs, with a container called `bucket`."""
    folder = Path(tempfile.mkdtemp(prefix="unshelve-azurite-"))
    (port,) = free_ports(1)
    command = [
        "node", str(NODE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"),
        "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), "--silent",
        "--skipApiVersionCheck",
    ]  # fmt: skip
    endpoint = f"http://127.0.0.1:{port}/{ACCOUNT}"
    server = _started(
        command,
        folder,
        port,
        f"az://bucket/{{name}}?account={ACCOUNT}&endpoint={endpoint}",
        {"AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY},
        more={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"},
    )
    _await(lambda: _make_container(endpoint), server)
    return server


SERVERS: Mapping[str, Callable[[], ObjectServer]] = {"seaweedfs": seaweedfs, "moto": moto, "azurite": azurite}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _s3_environment() -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}


def _started(
    command: list[str],
    folder: Path,
    port: int,
    address: str,
    environment: Mapping[str, str],
    *,
    more: Mapping[str, str] | None = None,
) -> ObjectServer:
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment, **(more or {})},
    )
    server = ObjectServer(process, folder, port, address, environment)
    atexit.register(server.close)
    return server


def _await(ready: Callable[[], bool], server: ObjectServer) -> None:
    until = time.monotonic() + 60
    while not ready():
        if server.process.poll() is not None:
            raise RuntimeError(f"{server.process.args!r} ended with {server.process.returncode}")
        if time.monotonic() > until:
            raise TimeoutError(f"{server.process.args!r} does not answer")
        time.sleep(0.1)


def _make_bucket(port: int) -> bool:
    """Makes the bucket by an empty write in its place, which also waits for the volumes of SeaweedFS."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=10),
    )
    try:
        client.create_bucket(Bucket="bucket")
        client.put_object(Bucket="bucket", Key="first", Body=b"1")
        client.delete_object(Bucket="bucket", Key="first")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
            return False
        store = S3Store(
            "bucket",
            endpoint=f"http://127.0.0.1:{port}",
            access_key_id=KEY,
            secret_access_key=SECRET,
            region="us-east-1",
            client_options={"allow_http": True},
        )
        obstore.put(store, "first", b"1")
    except BotoCoreError:
        return False
    finally:
        client.close()
    return True


def _make_container(endpoint: str) -> bool:
    """Makes the container: obstore cannot, so this signs the one request by itself (shared key)."""
    import hashlib
    import hmac
    from datetime import UTC, datetime

    now = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    version = "2021-12-02"
    headers = f"x-ms-date:{now}\nx-ms-version:{version}\n"
    resource = f"/{ACCOUNT}/{ACCOUNT}/bucket\nrestype:container"
    text = "PUT\n\n\n\n\n\n\n\n\n\n\n\n" + headers + resource
    signature = base64.b64encode(
        hmac.new(base64.b64decode(ACCOUNT_KEY), text.encode(), hashlib.sha256).digest()
    ).decode()
    request = urllib.request.Request(
        f"{endpoint}/bucket?restype=container",
        method="PUT",
        headers={
            "x-ms-date": now,
            "x-ms-version": version,
            "Authorization": f"SharedKey {ACCOUNT}:{signature}",
            "Content-Length": "0",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=5):
            pass
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise
    except OSError:
        return False
    return True
