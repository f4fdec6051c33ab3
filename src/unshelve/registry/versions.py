"""Versions: immutable, signed packages of models and endpoints, and what is attested of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import Connection, RowMapping, func, select, update

from unshelve.errors import NotFound
from unshelve.ids import canonical_json
from unshelve.registry.tables import attestation, version

State = Literal["candidate", "refused", "accepted", "retired", "removed"]

REMOVED: Final = "removed"
"""The state of a version whose files may go: its number, its measures and its history stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version as lists and pages show it."""

    model: str
    number: int
    solution: str
    kind: Literal["model", "endpoint"]
    manifest: str
    signature: str
    run_id: str
    state: State
    made_at: str
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the model inside its solution."""
        return self.model.partition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """Something found out about a version and signed: its Proof or its gates."""

    manifest: str
    kind: Literal["proof", "gates"]
    blob: str
    signature: str
    outcome: str
    made_at: str


def add_version(
    connection: Connection,
    *,
    model: str,
    kind: Literal["model", "endpoint"],
    manifest: str,
    signature: str,
    run_id: str,
    summary: Mapping[str, Any],
    now: str,
) -> tuple[Version, bool]:
    """The version with that manifest, and whether it is new: an equal package is the version it was before."""
    known = connection.execute(
        select(version).where(version.c.model == model, version.c.manifest == manifest)
    ).mappings()
    row = known.first()
    if row is not None:
        return _version(row), False
    last = connection.execute(select(func.max(version.c.number)).where(version.c.model == model)).scalar()
    added = Version(
        model=model,
        number=(last or 0) + 1,
        solution=model.partition(".")[0],
        kind=kind,
        manifest=manifest,
        signature=signature,
        run_id=run_id,
        state="candidate",
        made_at=now,
        summary=summary,
    )
    connection.execute(
        version.insert().values(
            model=added.model,
            number=added.number,
            solution=added.solution,
            kind=kind,
            manifest=manifest,
            signature=signature,
            run_id=run_id,
            state=added.state,
            summary=canonical_json(summary).decode(),
            made_at=now,
        )
    )
    return added, True


def get_version(connection: Connection, model: str, number: int) -> Version:
    """One version; NotFound, with what there is, otherwise."""
    row = (
        connection.execute(select(version).where(version.c.model == model, version.c.number == number))
        .mappings()
        .first()
    )
    if row is None:
        numbers = list(connection.execute(select(version.c.number).where(version.c.model == model)).scalars())
        if not numbers:
            raise unknown_model(connection, model)
        raise NotFound(
            f"{model} has no version {number}; it has {min(numbers)} to {max(numbers)}.",
            code="model-version-not-found",
        )
    return _version(row)


def versions_of(connection: Connection, model: str, *, limit: int = 100) -> list[Version]:
    """The versions of a model, newest first; NotFound when the model has none."""
    rows = connection.execute(
        select(version).where(version.c.model == model).order_by(version.c.number.desc()).limit(limit)
    ).mappings()
    found = [_version(row) for row in rows]
    if not found:
        raise unknown_model(connection, model)
    return found


def newest_versions(connection: Connection, solution: str | None = None) -> list[Version]:
    """The newest version of every model and endpoint, by name."""
    newest = select(version.c.model, func.max(version.c.number).label("number")).group_by(version.c.model).subquery()
    query = select(version).join(newest, (version.c.model == newest.c.model) & (version.c.number == newest.c.number))
    if solution is not None:
        query = query.where(version.c.solution == solution)
    return [_version(row) for row in connection.execute(query.order_by(version.c.model)).mappings()]


def versions_of_run(connection: Connection, run_id: str) -> list[Version]:
    """The versions that a run made."""
    rows = connection.execute(select(version).where(version.c.run_id == run_id).order_by(version.c.model)).mappings()
    return [_version(row) for row in rows]


def set_state(connection: Connection, model: str, number: int, state: State) -> None:
    """Say what became of a candidate."""
    connection.execute(update(version).where(version.c.model == model, version.c.number == number).values(state=state))


def set_summary(connection: Connection, model: str, number: int, summary: Mapping[str, Any]) -> None:
    """Replace what lists show of a version; the package itself never changes."""
    connection.execute(
        update(version)
        .where(version.c.model == model, version.c.number == number)
        .values(summary=canonical_json(summary).decode())
    )


def attest(connection: Connection, attested: Attestation) -> None:
    """Record an attestation; a newer one of the same kind replaces the older."""
    connection.execute(
        attestation.delete().where(attestation.c.manifest == attested.manifest, attestation.c.kind == attested.kind)
    )
    connection.execute(attestation.insert().values(**msgspec.to_builtins(attested)))


def attestations_of(connection: Connection, manifests: Sequence[str]) -> dict[tuple[str, str], Attestation]:
    """Attestations by (manifest, kind)."""
    rows = connection.execute(select(attestation).where(attestation.c.manifest.in_(manifests))).mappings()
    found = [Attestation(**row) for row in rows]
    return {(each.manifest, each.kind): each for each in found}


def unknown_model(connection: Connection, model: str) -> NotFound:
    """The error for a model that has no version, naming near ones."""
    names = list(connection.execute(select(version.c.model).distinct()).scalars())
    near = difflib.get_close_matches(model, names, n=3)
    if not near:
        near = [name for name in names if name.partition(".")[2] == model][:3]
    return NotFound(
        f"There is no model {model!r}.",
        code="model-not-found",
        near=near,
        hint=None if near else "`unshelve models` lists what there is." if names else "Nothing has been trained yet.",
    )


def _version(row: RowMapping) -> Version:
    values = dict(row)
    values["summary"] = msgspec.json.decode(values["summary"])
    return Version(**values)
