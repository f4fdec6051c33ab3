"""A real PostgreSQL for tests: one server for each test process, started when it is first asked for, a database each.

Debian's server where it is installed, else the one in the package `pgserver`. It listens on a free loopback port,
keeps nothing safe from a loss of power, and is stopped by its own process id.
"""

from __future__ import annotations

import atexit
import getpass
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

_NUMBERS = itertools.count(1)


class PostgresServer:
    """A running server with one user, `house`, whose password is `password`."""

    def __init__(self) -> None:
        self._binaries = _binaries()
        self._folder = Path(tempfile.mkdtemp(prefix="unshelve-postgres-"))
        self._user = "postgres" if os.geteuid() == 0 else None
        self.password = secrets.token_hex(8)
        self.port = _free_port()
        if self._user:
            shutil.chown(self._folder, self._user)
        word = self._folder / "word"
        word.write_text(self.password, encoding="ascii")
        if self._user:
            shutil.chown(word, self._user)
        data = self._folder / "data"
        self._run(
            "initdb", "-D", str(data), "-U", "house", "--auth=scram-sha-256", f"--pwfile={word}", "-E", "UTF8",
            "--locale=C.UTF-8", "--no-sync",
        )  # fmt: skip
        self.start()

    def start(self) -> None:
        """Starts the server and waits until it takes connections."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self._folder,
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 300,
            "log_min_messages": "fatal",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.process = subprocess.Popen(
            [str(self._binaries / "postgres"), "-D", str(self._folder / "data"), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=self._user,
            cwd=self._folder,
        )
        until = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stops the server: SIGINT ends its connections, SIGKILL ends it as a crash would."""
        self.process.send_signal(how)
        self.process.wait(timeout=30)

    def close(self) -> None:
        """Stops the server and removes its folder."""
        if self.process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, database: str) -> str:
        """The address of a database of this server, with its password."""
        return f"postgresql://house:{self.password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """A new, empty database: its address."""
        name = f"t{os.getpid()}_{next(_NUMBERS)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"create database {name}")  # the name is made above
        return self.url(name)

    def drop(self, url: str) -> None:
        """Removes a database and ends its connections."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"drop database if exists {url.rpartition('/')[2]} with (force)")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._binaries / program), *arguments],
            check=True,
            user=self._user,
            cwd=self._folder,
            capture_output=True,
        )


@cache
def postgres_server() -> PostgresServer:
    """The server of this process, running until the process ends."""
    server = PostgresServer()
    atexit.register(server.close)
    return server


@contextmanager
def fresh_database() -> Iterator[str]:
    """The address of an empty database, which is gone afterwards."""
    url = postgres_server().create()
    try:
        yield url
    finally:
        postgres_server().drop(url)


def _binaries() -> Path:
    """The folder of the server's programs."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if installed:
        return installed[-1].parent
    package = find_spec("pgserver")
    if package is not None and package.origin is not None:
        return Path(package.origin).parent / "pginstall" / "bin"
    raise RuntimeError(
        f"There is no PostgreSQL here for {getpass.getuser()}: apt-get install postgresql, or pip install pgserver."
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
