"""Moving a home's database and blobs to other places, and back: copied, compared, and only then used.

What was there before stays as it was until somebody removes it. Killed at any point, the home is where it was; moving
again goes on, for blobs that are there are not copied twice and the tables are copied in one transaction.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from unshelve.errors import Conflict, Damaged, NotFound, Refused
from unshelve.ids import canonical_json
from unshelve.predictions.tables import SEGMENT_FILE
from unshelve.security import audit
from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.security.tables import AUDIT
from unshelve.settings import PREFIX
from unshelve.solution.control import Control
from unshelve.storage.blobs import BlobStore
from unshelve.storage.database import Database
from unshelve.storage.house import known_house
from unshelve.storage.migration import migrate
from unshelve.storage.opening import BlobPlace, open_blobs
from unshelve.storage.probing import claim
from unshelve.upkeep.copying import check_equal, copy_tables, fingerprints, remove_rows
from unshelve.upkeep.marking import needed
from unshelve.upkeep.turn import alone

HOME: Final = "home"
"""The word for the places in the home itself."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What was moved: how much, from where and to where, as people are told."""

    database: str | None
    blobs: str | None
    rows: int
    copied: int
    """Blobs that were copied; the others were there."""
    present: int


def move(
    control: Control,
    actor: Actor,
    *,
    database: str | None = None,
    blobs: str | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> Moved:
    """Moves the database, the blobs or both to these addresses (`home`: back into the home).

    The home must not be served. Raises Refused for a database that holds something else, for addresses that the
    environment overrules, and for the places where things are; Conflict for a blob store of another home.
    """
    _check_environment(database, blobs)
    copied = present = rows = 0
    with alone(control, actor):
        now = control.clock.now()
        with control.database.write() as connection:
            told = {"database": _redacted(database), "blobs": blobs or ""}
            append(connection, actor, "move", "home", told, now=now)
        if blobs is not None:
            copied, present = _move_blobs(control, blobs, progress)
    if database is not None:
        rows = _move_database(control, database, progress)
    _keep(control, database, blobs)
    return Moved(database=_redacted(database) or None, blobs=blobs, rows=rows, copied=copied, present=present)


def _move_blobs(control: Control, address: str, progress: Progress) -> tuple[int, int]:
    target = open_blobs(BlobPlace(address=str(control.home.blobs) if address == HOME else address, durable=True))
    if _same(control, address):
        raise Refused("The blobs are there already.", code="moved-already")
    claim(target, control.house.id)
    with control.database.read() as connection:
        wanted = sorted(needed(connection, control.blobs))
        sealed = connection.execute(select(SEGMENT_FILE.c.path, SEGMENT_FILE.c.digest)).all()
    there = target.has_many(wanted)
    copied = 0
    for number, digest in enumerate(wanted, start=1):
        if digest not in there and _copied(control.blobs, target, digest, control.home.cache):
            copied += 1
        progress("blobs", number, len(wanted))
    for path, digest in sealed:
        local = control.home.predictions / path
        if local.exists() and target.put_file(local) != digest:
            raise Damaged(f"The sealed predictions {path} were changed after sealing.", code="predictions-changed")
    return copied, len(there)


def _copied(source: BlobStore, target: BlobStore, digest: str, folder: Path) -> bool:
    """Copies a blob by way of a file, whose bytes are hashed on both ways; False for a digest that is none."""
    folder.mkdir(mode=0o700, exist_ok=True)
    place = folder / f".moving-{os.getpid()}"
    try:
        source.copy_to(digest, place)
    except NotFound:
        return False
    try:
        if target.put_file(place) != digest:
            raise Damaged(f"The blob {digest[:12]}… was changed on its way.", code="blob-damaged")
    finally:
        place.unlink(missing_ok=True)
    return True


def _move_database(control: Control, address: str, progress: Progress) -> int:
    where = str(control.home.database_file) if address == HOME else address
    if where == control.database.address:
        raise Refused("The database is there already.", code="moved-already")
    if address == HOME:
        _set_aside(control.home.database_file)
    target = Database.open(where)
    total = 0
    try:
        migrate(target)
        with target.read() as connection:
            house = known_house(connection)
        if house is not None and house.id != control.house.id:
            raise Conflict(
                f"The database {target.name} belongs to another home ({house.id}).",
                code="database-of-another-home",
                hint="Make a new one, or name another.",
            )
        with control.database.read() as source:
            counted: list[int] = []
            with target.write() as connection:
                if house is not None:
                    _check_earlier(source, connection, target.name)
                    remove_rows(connection)
                copy_tables(source, connection, told=lambda name, rows: _tell(name, rows, counted, progress))
            total = sum(counted)
            with target.read() as connection:
                check_equal(fingerprints(source), fingerprints(connection))
    finally:
        target.close()
    return total


def _check_earlier(source: Connection, target: Connection, name: str) -> None:
    """Returns where the target holds an earlier moment of this home, as a move that was cut off leaves it: nothing is
    in its audit that is not in ours. Raises Conflict otherwise."""
    theirs = audit.newest(target)
    if theirs is None:
        return
    ours = source.execute(select(AUDIT.c.digest).where(AUDIT.c.number == theirs.number)).scalar()
    if ours != theirs.digest:
        raise Conflict(
            f"The database {name} holds a later moment of this home than the home itself does.",
            code="database-newer",
            hint="Say in settings.toml that it is used, or name an empty one.",
        )


def _tell(name: str, rows: int, counted: list[int], progress: Progress) -> None:
    counted.append(rows)
    progress(name, rows, rows)


def _set_aside(path: Path) -> None:
    """Keeps the file that the home was moved away from: what is brought back now is newer."""
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        if file.exists():
            file.replace(file.with_name(f"{path.name}.before-move{suffix}"))


def _keep(control: Control, database: str | None, blobs: str | None) -> None:
    """Writes the new places into settings.toml, whole or not at all; lines about other settings stay."""
    file = control.home.settings_file
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    chosen = {"database": database, "blobs": blobs}
    kept = [line for line in lines if chosen.get(line.partition("=")[0].strip()) is None]
    new = [
        f"{name} = {canonical_json(value).decode()}"
        for name, value in chosen.items()
        if value is not None and value != HOME
    ]
    text = "\n".join([*new, *kept]) + "\n"
    tomllib.loads(text)
    temporary = file.with_suffix(".new")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o600)
    temporary.replace(file)


def _check_environment(database: str | None, blobs: str | None) -> None:
    if database is None and blobs is None:
        raise Refused("Nothing is to be moved.", code="nothing-to-move", hint="Say where to: --to ADDRESS.")
    for name, given in (("DATABASE", database), ("BLOBS", blobs)):
        if given is not None and os.environ.get(PREFIX + name):
            raise Refused(
                f"{PREFIX}{name} is set in the environment, and would overrule what the move writes down.",
                code="environment-overrules",
                hint=f"Unset {PREFIX}{name}, then move again.",
            )


def _same(control: Control, address: str) -> bool:
    now = control.settings.blobs or HOME
    return address == now


def _redacted(address: str | None) -> str:
    """An address for people: without the password."""
    if not address or "://" not in address or "@" not in address:
        return address or ""
    scheme, _, rest = address.partition("://")
    user, _, place = rest.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}@{place}"
