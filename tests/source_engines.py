"""The databases that sources are tested against, all of them real: PostgreSQL, MariaDB, SQLite and DuckDB."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

ODD_PASSWORD = "p@ss:w/rd?#'\"% é"
"""A password with every letter that an address, a text or a quote might stumble over."""


@dataclass(slots=True)
class Database:
    """A database that a test fills and a source reads. `url` is what the connection is set to."""

    kind: str
    url: str
    _session: Any = field(default=None, repr=False)

    def run(self, statement: str, *rows: Sequence[object]) -> None:
        """Carries out a statement, once or for each of some rows; `?` stands for a value."""
        text = statement.replace("?", "%s") if self.kind in ("postgresql", "mysql") else statement
        with closing(self._connected()) as session:
            cursor = session.cursor()
            if rows:
                cursor.executemany(text, [tuple(row) for row in rows])
            else:
                cursor.execute(text)
            session.commit()

    def _connected(self) -> Any:
        if self.kind == "postgresql":
            import psycopg

            return psycopg.connect(self.url)
        if self.kind == "mysql":
            import pymysql

            parts = urlsplit(self.url)
            server = mariadb_server()
            return pymysql.connect(
                host="127.0.0.1", port=server.port, user="root", password="", database=parts.path[1:], charset="utf8mb4"
            )
        path = urlsplit(self.url).path[1:]
        if self.kind == "duckdb":
            import duckdb

            return duckdb.connect(path)
        return sqlite3.connect(path)


class MariaServer:
    """A MariaDB of this process, with a user `house` whose password is odd."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="unshelve-mariadb-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        user = "mysql" if os.geteuid() == 0 else None
        if user:
            shutil.chown(self.folder, user)
        data = f"--datadir={self.folder / 'data'}"
        subprocess.run(
            ["mariadb-install-db", data, "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True,
            capture_output=True,
            user=user,
            cwd=self.folder,
        )
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        self.process = subprocess.Popen(
            [
                program, "--no-defaults", data, f"--port={self.port}", "--bind-address=127.0.0.1",
                f"--socket={self.folder / 's'}", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=user,
            cwd=self.folder,
        )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        import pymysql

        until = time.monotonic() + 60
        while True:
            try:
                with closing(pymysql.connect(host="127.0.0.1", port=self.port, user="root")) as session:
                    session.cursor().execute("delete from mysql.global_priv where user = ''")
                    session.cursor().execute("flush privileges")
                    session.cursor().execute("create user house@'%%' identified by %s", (ODD_PASSWORD,))
                    session.cursor().execute("grant all on *.* to house@'%'")
                return
            except pymysql.OperationalError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def create(self, name: str) -> str:
        """A new, empty database: its address."""
        import pymysql

        with closing(pymysql.connect(host="127.0.0.1", port=self.port, user="root")) as session:
            session.cursor().execute(f"create database {name} character set utf8mb4")
        return f"mysql://house:{quote(ODD_PASSWORD, safe='')}@127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)


def has_mariadb() -> bool:
    """Whether MariaDB's programs are here: apt-get install mariadb-server."""
    return shutil.which("mariadb-install-db") is not None and Path("/usr/sbin/mariadbd").exists()


@cache
def mariadb_server() -> MariaServer:
    server = MariaServer()
    atexit.register(server.close)
    return server


def open_database(kind: str, folder: Path) -> Database:
    """A new, empty database of a kind."""
    if kind == "postgresql":
        from postgres_server import postgres_server

        return Database(kind, postgres_server().create())
    if kind == "mysql":
        return Database(kind, mariadb_server().create(f"t{os.getpid()}_{time.monotonic_ns()}"))
    return Database(kind, f"{kind}:///{folder / f'shop.{kind}'}")
