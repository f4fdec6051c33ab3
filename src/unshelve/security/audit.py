"""The audit chain: who changed what, and when, in a form that cannot be rewritten unnoticed.

Each entry holds the digest of the one before it, and is appended in the transaction of the change that it
records. Editing, removing or reordering an entry breaks the chain. Cutting off its end does not, so the
control process signs the newest entry every few seconds and keeps that *head* outside the database
(`keys/audit-head`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from unshelve.clock import SystemClock, milliseconds
from unshelve.errors import Damaged
from unshelve.ids import canonical_json, digest_json
from unshelve.security.actors import Actor
from unshelve.security.secrets import HIDDEN, redact
from unshelve.security.signing import Signer, Verifier
from unshelve.security.tables import AUDIT

FIRST_PREVIOUS: Final = "0" * 64
"""What the first entry names as the one before it."""

_HEAD_TITLE: Final = "unshelve audit head 1"
_TELLING_NAMES: Final = ("password", "secret", "token", "credential", "private_key", "api_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the audit. `details` is JSON; it never holds a secret."""

    number: int
    at: datetime
    actor_id: str
    actor_name: str
    actor_kind: str
    action: str
    subject: str
    details: Mapping[str, object]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest entry at some moment."""

    number: int
    digest: str


def append(
    connection: Connection,
    actor: Actor,
    action: str,
    subject: str,
    details: Mapping[str, object],
    *,
    now: datetime | None = None,
) -> int:
    """Appends an entry in the caller's transaction and gives its number; `now` is the machine's time if not given.

    Values under names such as `password` and the values of secrets are hidden before anything is stored.
    """
    head = newest(connection)
    row: dict[str, object] = {
        "number": head.number + 1 if head else 1,
        "at": milliseconds(now or SystemClock().now()),
        "actor_id": actor.id,
        "actor_name": actor.name,
        "actor_kind": actor.kind.value,
        "action": action,
        "subject": redact(subject),
        "details": canonical_json(_without_secrets(details)).decode(),
        "previous": head.digest if head else FIRST_PREVIOUS,
    }
    connection.execute(AUDIT.insert().values(**row, digest=digest_json(row)))
    return head.number + 1 if head else 1


def entries(
    connection: Connection, *, before: int | None = None, subject: str | None = None, limit: int = 100
) -> list[Entry]:
    """The newest entries first, of all or of one subject; `before` is the number to go on from."""
    query = select(AUDIT).order_by(AUDIT.c.number.desc()).limit(limit)
    if before is not None:
        query = query.where(AUDIT.c.number < before)
    if subject is not None:
        query = query.where(AUDIT.c.subject == subject)
    return [_entry(dict(row._mapping)) for row in connection.execute(query)]


def newest(connection: Connection) -> Head | None:
    """The head of the chain as the table has it; None when nothing has happened yet."""
    row = connection.execute(select(AUDIT.c.number, AUDIT.c.digest).order_by(AUDIT.c.number.desc()).limit(1)).first()
    return Head(number=row.number, digest=row.digest) if row else None


def verify(connection: Connection, *, head: Head | None = None) -> None:
    """Returns when the chain is whole and contains the signed head; raises Damaged naming the first bad entry."""
    with closing(_rows(connection)) as rows:
        head_seen = _follow(rows, head)
    if not head_seen and head is not None:
        raise _damaged(head.number, "was signed and is missing: the end of the chain was cut off")


def _follow(rows: Iterable[dict[str, object]], head: Head | None) -> bool:
    """Goes along the chain from its first entry, and tells whether it came by the signed head."""
    expected, previous, head_seen = 1, FIRST_PREVIOUS, head is None
    for row in rows:
        number = row["number"]
        if number != expected:
            raise _damaged(expected, "is missing")
        claimed = row.pop("digest")
        if row["previous"] != previous:
            raise _damaged(expected, "does not follow the one before it")
        if digest_json(row) != claimed:
            raise _damaged(expected, "was changed after it was written")
        if head is not None and number == head.number:
            if claimed != head.digest:
                raise _damaged(expected, "is not the one that was signed")
            head_seen = True
        expected, previous = expected + 1, str(claimed)
    return head_seen


def renew_head(connection: Connection, keys: Path, signer: Signer) -> Head | None:
    """Signs the newest entry into `keys/audit-head`, when there is a newer one than was signed last.

    Raises Damaged when the entry that was signed last is gone or is another one now.
    """
    signed = read_head(keys, signer.verifier())
    head = newest(connection)
    if signed is not None:
        found = connection.execute(select(AUDIT.c.digest).where(AUDIT.c.number == signed.number)).scalar()
        if found != signed.digest:
            raise _damaged(signed.number, "was signed and is missing" if found is None else "is not the signed one")
    if head is None or head == signed:
        return head
    text = _head_text(head)
    temporary = keys / ".audit-head.new"
    temporary.write_text(f"{text}\n{signer.sign(text.encode())}\n", encoding="ascii")
    temporary.chmod(0o600)
    temporary.rename(keys / "audit-head")
    return head


def read_head(keys: Path, verifier: Verifier) -> Head | None:
    """The signed head; None when nothing was ever signed. Raises Untrusted or Damaged when it is not genuine."""
    try:
        text = (keys / "audit-head").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    lines = text.splitlines()
    if len(lines) != 4 or lines[0] != _HEAD_TITLE or not lines[1].isdigit():
        raise Damaged(f"{keys / 'audit-head'} is not an audit head.", code="audit-head-damaged")
    verifier.verify("\n".join(lines[:3]).encode(), lines[3])
    return Head(number=int(lines[1]), digest=lines[2])


def _head_text(head: Head) -> str:
    return f"{_HEAD_TITLE}\n{head.number}\n{head.digest}"


def _rows(connection: Connection) -> Generator[dict[str, object], None, None]:
    chain = select(AUDIT).order_by(AUDIT.c.number)
    with connection.execute(chain, execution_options={"yield_per": 1000}) as rows:
        for row in rows:
            yield dict(row._mapping)


def _entry(row: Mapping[str, object]) -> Entry:
    return msgspec.convert(
        {
            **{name: row[name] for name in Entry.__dataclass_fields__ if name not in ("at", "details")},
            "at": datetime.fromtimestamp(int(str(row["at"])) / 1000, UTC),
            "details": msgspec.json.decode(str(row["details"])),
        },
        Entry,
    )


def _without_secrets(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if _telling(str(key)) and item is not None else _without_secrets(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_without_secrets(item) for item in value]
    return value


def _telling(name: str) -> bool:
    folded = name.casefold().replace("-", "_").replace(" ", "_")
    return any(word in folded for word in _TELLING_NAMES)


def _damaged(number: int, what: str) -> Damaged:
    return Damaged(f"Entry {number} of the audit {what}.", code="audit-damaged", details={"number": number})
