"""What an administrator has trusted by hash: foreign bytes that may be loaded although loading runs code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, select

from unshelve.clock import milliseconds
from unshelve.errors import NotFound, Refused
from unshelve.security.actors import Actor
from unshelve.security.audit import append
from unshelve.security.tables import TRUSTED

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Who vouched for which bytes, when and why."""

    digest: str
    reason: str
    actor: str
    created: datetime


def is_trusted(connection: Connection, digest: str) -> bool:
    """Whether an administrator vouches for the bytes of a digest."""
    return connection.execute(select(TRUSTED.c.digest).where(TRUSTED.c.digest == digest)).first() is not None


def trust(connection: Connection, digest: str, *, reason: str, actor: Actor, now: datetime) -> None:
    """Vouches for the bytes of a digest, from the end of this transaction on."""
    if not _DIGEST.fullmatch(digest):
        raise Refused(f"{digest[:80]!r} is not a sha256 in 64 hexadecimal digits.", code="digest-invalid")
    if not reason.strip():
        raise Refused("Trusting bytes that can run code needs a reason.", code="reason-missing")
    if is_trusted(connection, digest):
        return
    connection.execute(
        TRUSTED.insert().values(digest=digest, reason=reason, actor=actor.name, created=milliseconds(now))
    )
    append(connection, actor, "trust", digest, {"reason": reason}, now=now)


def distrust(connection: Connection, digest: str, *, reason: str, actor: Actor, now: datetime) -> None:
    """Takes the trust back. Raises NotFound when there was none."""
    if connection.execute(TRUSTED.delete().where(TRUSTED.c.digest == digest)).rowcount == 0:
        raise NotFound(f"The bytes {digest[:12]}… were not trusted.", code="trust-not-found")
    append(connection, actor, "distrust", digest, {"reason": reason}, now=now)


def trusted(connection: Connection) -> list[Trust]:
    """Everything that is trusted by hash, newest first."""
    rows = connection.execute(select(TRUSTED).order_by(TRUSTED.c.created.desc()))
    return [
        Trust(
            digest=row.digest,
            reason=row.reason,
            actor=row.actor,
            created=datetime.fromtimestamp(row.created / 1000, UTC),
        )
        for row in rows
    ]
