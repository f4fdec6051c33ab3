"""API keys: how programs come in.

A key is `unsh_ID_SECRET`. It is shown once; only the sha256 of its secret is kept, which is enough because the
secret is 256 random bits. It acts for the user it belongs to, never with more rights than that user has now.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, Row, select

from unshelve.clock import milliseconds
from unshelve.errors import NotAllowed, NotFound, Refused
from unshelve.ids import ALPHABET
from unshelve.security.actors import Actor, ActorKind, Role
from unshelve.security.audit import append
from unshelve.security.tables import API_KEYS, USERS

PREFIX: Final = "unsh_"
"""How every key begins, so that scanners for leaked secrets can find it."""

LONGEST_NAME: Final = 100

_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 52


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An API key without its secret."""

    id: str
    name: str
    kind: ActorKind
    role: Role
    user: str | None
    """The name of the user it belongs to; None for one that was made at the command line."""
    created: datetime
    created_by: str
    expires: datetime | None
    last_used: datetime | None
    revoked: datetime | None

    def works(self, now: datetime) -> bool:
        """Whether it still lets anybody in."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key just made, with the text that is shown this once."""

    id: str
    text: str


def create_key(
    connection: Connection,
    name: str,
    role: Role,
    *,
    actor: Actor,
    now: datetime,
    expires: datetime | None = None,
) -> NewKey:
    """A new key for the actor. Raises NotAllowed for a role above the actor's, Refused for its name or expiry."""
    clean = name.strip()
    if not clean or len(clean) > LONGEST_NAME or not clean.isprintable():
        raise Refused(f"A key's name has 1 to {LONGEST_NAME} printable characters.", code="key-name")
    if expires is not None and expires <= now:
        raise Refused("The key would have expired before it is made.", code="key-expiry")
    if not actor.role.includes(role):
        raise NotAllowed(f"{actor.name} is {actor.role} here and cannot make a key that is {role}.")
    made = _insert(connection, {"name": clean, "role": role, "kind": ActorKind.KEY}, actor, now, expires)
    append(
        connection,
        actor,
        "create key",
        f"key {made.id}",
        {"name": clean, "role": role.value, "expires": expires.isoformat() if expires else None},
        now=now,
    )
    return made


def create_prover_key(connection: Connection, *, actor: Actor, now: datetime, expires: datetime) -> NewKey:
    """A short-lived key with which the Proof asks a version, and which can do nothing else."""
    values = {"name": "proof", "role": Role.USER, "kind": ActorKind.PROVER}
    return _insert(connection, values, actor, now, expires)


def revoke_key(connection: Connection, key_id: str, *, actor: Actor, now: datetime) -> None:
    """Takes a key back, from the end of this transaction on. Raises NotFound; a second time changes nothing."""
    row = connection.execute(select(API_KEYS.c.name, API_KEYS.c.revoked).where(API_KEYS.c.id == key_id)).first()
    if row is None:
        raise NotFound(f"There is no key {key_id[:40]}.", code="key-not-found")
    if row.revoked is None:
        connection.execute(API_KEYS.update().where(API_KEYS.c.id == key_id).values(revoked=milliseconds(now)))
        append(connection, actor, "revoke key", f"key {key_id}", {"name": row.name}, now=now)


def remove_prover_keys(connection: Connection, *, now: datetime) -> None:
    """Forgets the Proof's keys that have expired."""
    connection.execute(
        API_KEYS.delete().where(API_KEYS.c.kind == ActorKind.PROVER.value, API_KEYS.c.expires <= milliseconds(now))
    )


def keys(connection: Connection, *, user_id: str | None = None) -> list[Key]:
    """The API keys of everybody or of one user, newest first; those of the Proof are left out."""
    query = _SELECT.where(API_KEYS.c.kind == ActorKind.KEY.value).order_by(
        API_KEYS.c.created.desc(), API_KEYS.c.id.desc()
    )
    if user_id is not None:
        query = query.where(API_KEYS.c.user_id == user_id)
    return [_key(row) for row in connection.execute(query)]


def get_key(connection: Connection, key_id: str) -> Key:
    """One key, by its id. Raises NotFound."""
    row = connection.execute(_SELECT.where(API_KEYS.c.id == key_id)).first()
    if row is None:
        raise NotFound(f"There is no key {key_id[:40]}.", code="key-not-found")
    return _key(row)


def note_use(connection: Connection, key_id: str, *, used: datetime) -> None:
    """Notes when a key was used last."""
    moment = milliseconds(used)
    connection.execute(
        API_KEYS.update()
        .where(API_KEYS.c.id == key_id, (API_KEYS.c.last_used.is_(None)) | (API_KEYS.c.last_used < moment))
        .values(last_used=moment)
    )


def split_key(text: str) -> tuple[str, str] | None:
    """The id and the secret of a key's text, or None when it does not look like a key."""
    parts = text.removeprefix(PREFIX).split("_")
    if not text.startswith(PREFIX) or len(parts) != 2:
        return None
    key_id, secret = parts
    if len(key_id) != _ID_LENGTH or len(secret) != _SECRET_LENGTH or not text.isascii():
        return None
    return key_id, secret


def secret_fits(stored: str, secret: str) -> bool:
    """Whether a secret is the one whose digest was kept, in a time that does not tell how nearly."""
    return hmac.compare_digest(stored, _secret_digest(secret))


def _insert(
    connection: Connection, values: Mapping[str, str], actor: Actor, now: datetime, expires: datetime | None
) -> NewKey:
    key_id, secret = _random_letters(_ID_LENGTH), _random_letters(_SECRET_LENGTH)
    connection.execute(
        API_KEYS.insert().values(
            id=key_id,
            **values,
            user_id=actor.id if actor.kind is ActorKind.PERSON else None,
            secret_digest=_secret_digest(secret),
            created=milliseconds(now),
            created_by=actor.name,
            expires=milliseconds(expires) if expires else None,
        )
    )
    return NewKey(id=key_id, text=f"{PREFIX}{key_id}_{secret}")


def _secret_digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _random_letters(count: int) -> str:
    """Letters and digits of 5 random bits each."""
    return "".join(ALPHABET[byte & 31] for byte in os.urandom(count))


def _key(row: Row[tuple[object, ...]]) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        kind=ActorKind(row.kind),
        role=Role(row.role),
        user=row.user_name,
        created=datetime.fromtimestamp(row.created / 1000, UTC),
        created_by=row.created_by,
        expires=_moment(row.expires),
        last_used=_moment(row.last_used),
        revoked=_moment(row.revoked),
    )


def _moment(value: int | None) -> datetime | None:
    return None if value is None else datetime.fromtimestamp(value / 1000, UTC)


_SELECT: Final = select(API_KEYS, USERS.c.name.label("user_name")).select_from(API_KEYS.outerjoin(USERS))
