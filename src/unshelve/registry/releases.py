"""Releases: which version of a model answers, and how that came about.

A change of champion, its line in the history and its audit entry are one transaction, so a reader sees the old
champion or the new one and never neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from sqlalchemy import Connection, select

from unshelve.clock import milliseconds
from unshelve.errors import Conflict, NotFound
from unshelve.ids import new_id
from unshelve.registry.tables import release, release_change
from unshelve.registry.versions import get_version, unknown_model
from unshelve.registry.webhooks import announce
from unshelve.security.actors import Actor
from unshelve.security.audit import append

Verb = Literal["release", "promote", "rollback", "retire"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """Which version of a model answers everybody."""

    model: str
    champion: int
    changed_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseChange:
    """One line of a model's champion history."""

    id: str
    model: str
    from_version: int | None
    to_version: int | None
    verb: Verb
    actor: str
    reason: str
    changed_at: str


def releases(connection: Connection, solution: str | None = None) -> dict[str, Release]:
    """What answers now, by model."""
    rows = connection.execute(select(release)).mappings()
    found = [Release(**row) for row in rows]
    return {each.model: each for each in found if solution is None or each.model.startswith(f"{solution}.")}


def champion_of(connection: Connection, model: str) -> int | None:
    """The number of the version that answers, or None."""
    return connection.execute(select(release.c.champion).where(release.c.model == model)).scalar()


def history(connection: Connection, model: str, *, limit: int = 50) -> list[ReleaseChange]:
    """The champion history of a model, newest first."""
    rows = connection.execute(
        select(release_change)
        .where(release_change.c.model == model)
        .order_by(release_change.c.changed_at.desc(), release_change.c.id.desc())
        .limit(limit)
    ).mappings()
    return [ReleaseChange(**row) for row in rows]


def set_champion(
    connection: Connection, model: str, number: int, *, verb: Verb, actor: Actor, reason: str, now: datetime
) -> ReleaseChange:
    """Let a version answer everybody, from the end of this transaction on.

    Raises NotFound for an unknown version and Conflict for one that was refused or retired, or that answers already.
    """
    wanted = get_version(connection, model, number)
    if wanted.state != "accepted":
        raise Conflict(
            f"{model} v{number} is {wanted.state}: it did not pass its gates and its Proof."
            if wanted.state in ("candidate", "refused")
            else f"{model} v{number} is retired.",
            code="version-not-accepted",
            hint="Its page says what stood against it.",
        )
    before = champion_of(connection, model)
    if before == number:
        raise Conflict(f"{model} v{number} answers already.", code="already-champion")
    if before is None:
        connection.execute(release.insert().values(model=model, champion=number, changed_at=now.isoformat()))
    else:
        connection.execute(
            release.update().where(release.c.model == model).values(champion=number, changed_at=now.isoformat())
        )
    return _record(connection, model, before, number, verb=verb, actor=actor, reason=reason, now=now)


def champion_before(connection: Connection, model: str, number: int) -> int | None:
    """The version that answered before this one was released or promoted: where a rollback from it goes."""
    return next(
        (
            change.from_version
            for change in history(connection, model, limit=1000)
            if change.to_version == number and change.verb != "rollback" and change.from_version is not None
        ),
        None,
    )


def roll_back(connection: Connection, model: str, *, actor: Actor, reason: str, now: datetime) -> ReleaseChange:
    """Let the version answer that answered before the present champion was released or promoted.

    Rolling back again goes further back, not forth: the version that was left is not tried a second time.
    Raises NotFound when the model has no release, and Conflict when no other version ever answered.
    """
    present = champion_of(connection, model)
    if present is None:
        raise unknown_model(connection, model)
    earlier = champion_before(connection, model, present)
    if earlier is None:
        raise Conflict(
            f"{model} has had no champion before v{present}.",
            code="nothing-to-roll-back-to",
            hint="`unshelve promote` lets another accepted version answer.",
        )
    return set_champion(connection, model, earlier, verb="rollback", actor=actor, reason=reason, now=now)


def withdraw(connection: Connection, model: str, *, actor: Actor, reason: str, now: datetime) -> ReleaseChange:
    """Let no version answer any more; the versions stay. Raises NotFound when none answers."""
    before = champion_of(connection, model)
    if before is None:
        raise NotFound(f"No version of {model} answers.", code="no-release")
    connection.execute(release.delete().where(release.c.model == model))
    return _record(connection, model, before, None, verb="retire", actor=actor, reason=reason, now=now)


def _record(
    connection: Connection,
    model: str,
    before: int | None,
    after: int | None,
    *,
    verb: Verb,
    actor: Actor,
    reason: str,
    now: datetime,
) -> ReleaseChange:
    change = ReleaseChange(
        id=new_id(milliseconds(now)),
        model=model,
        from_version=before,
        to_version=after,
        verb=verb,
        actor=actor.name,
        reason=reason,
        changed_at=now.isoformat(),
    )
    connection.execute(release_change.insert().values(**msgspec.to_builtins(change)))
    append(
        connection,
        actor=actor,
        action=verb,
        subject=model,
        details={"from": before, "to": after, "reason": reason},
        now=now,
    )
    told = {"model": model, "from": before, "to": after, "verb": verb, "reason": reason, "actor": actor.name}
    announce(connection, "release", model, told, now=now)
    return change
