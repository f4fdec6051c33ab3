"""What is stored and is not what was written: every blob, version, attestation, audit entry and sealed file.

Each damage is a Damaged error: what it is, what it means, and what to do. Nothing is changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from unshelve.errors import Damaged, NotFound, UnshelveError, Untrusted
from unshelve.models.package import Manifest
from unshelve.predictions import checking
from unshelve.predictions.tables import SEGMENT
from unshelve.registry.releases import releases
from unshelve.registry.versions import REMOVED, Attestation, Version, attestations_of, newest_versions, versions_of
from unshelve.security import audit
from unshelve.security.tables import AUDIT
from unshelve.solution.stored import Stored
from unshelve.upkeep.uses import DATA, LOGS, RESULTS, VERSIONS, Use, uses

BACKUP: Final = "Bring it back from a backup of the home."
_MOST_MISSING: Final = 20


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an examination: its name, how much there was of it, and what was wrong with it."""

    name: str
    count: int
    damages: tuple[Damaged, ...]


@dataclass(slots=True)
class _Found:
    """What the examination knows so far: blobs that are damaged or needed."""

    bad: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    """Digest -> the version and file that need it."""


def examine(stored: Stored) -> Iterator[Part]:
    """Every part of what is stored, as soon as it has been read. Cost: reads everything once."""
    found = _Found()
    with stored.database.read() as connection:
        yield _part("database", lambda: _database(stored, connection))
        yield _blobs(stored, found)
        yield _versions(stored, connection, found)
        yield _things(stored, connection, found)
        yield Part("damaged blobs", len(found.bad), tuple(_explained(found)))
        yield _audit(stored, connection)
        yield _predictions(stored, connection)


def audit_damage(stored: Stored, connection: Connection) -> Damaged | None:
    """What is wrong with the audit chain; None when it is whole and holds the entry that was signed last."""
    try:
        audit.verify(connection, head=audit.read_head(stored.home.keys, stored.verifier))
    except (Damaged, Untrusted) as error:
        hint = "Somebody changed the database by hand, or it is older than keys/audit-head: compare it with a backup."
        return Damaged(error.message, code=error.subject_code, hint=hint)
    return None


def _part(name: str, look: Callable[[], tuple[int, list[Damaged]]]) -> Part:
    count, damages = look()
    return Part(name, count, tuple(damages))


def _database(stored: Stored, connection: Connection) -> tuple[int, list[Damaged]]:
    pages, wrong = stored.database.examine(connection)
    return pages, [Damaged(f"The database is damaged: {text}.", code="database-damaged", hint=BACKUP) for text in wrong]


def _blobs(stored: Stored, found: _Found) -> Part:
    strange = []
    for each in stored.blobs.verify():
        if each.digest is None:
            hint = f"Nothing uses it: delete {each.place}, or move it away."
            strange.append(Damaged(f"{each.place} is {each.problem}.", code="strange-file", hint=hint))
        else:
            found.bad[each.digest] = each.place
    return Part("blobs", sum(1 for _ in stored.blobs.digests()), tuple(strange))


def _explained(found: _Found) -> Iterator[Damaged]:
    """What each damaged blob means: a version that cannot answer, or a result that is made again."""
    for digest, path in found.bad.items():
        use = found.used.get(digest)
        if use is None:
            message = f"The bytes {digest[:12]}… are not what was written; they are a result that can be made again."
            hint = f"Delete {path}: the next run makes it again."
        else:
            message = f"The bytes {digest[:12]}… are not what was written; they are {use}."
            hint = f"{BACKUP} Without one, delete {path} and run the solution again."
        yield Damaged(message, code="blob-damaged", hint=hint, details={"digest": digest, "path": path})


def _versions(stored: Stored, connection: Connection, found: _Found) -> Part:
    answering = {(model, one.champion) for model, one in releases(connection).items()}
    damages: list[Damaged] = []
    count = 0
    for newest in newest_versions(connection):
        versions = versions_of(connection, newest.model, limit=newest.number)
        attested = attestations_of(connection, [one.manifest for one in versions])
        for version in versions:
            count += 1
            name = f"{version.model} v{version.number}"
            hint = _way_out(version, answers=(version.model, version.number) in answering)
            own = [one for (manifest, _), one in attested.items() if manifest == version.manifest]
            wrong = _wrong_with(stored, version, own, found)
            damages += [Damaged(f"{name}: {message}", code="version-damaged", hint=hint) for message in wrong]
    return Part("versions", count, tuple(damages))


def _wrong_with(stored: Stored, version: Version, attested: list[Attestation], found: _Found) -> Iterator[str]:
    name = f"{version.model} v{version.number}"
    try:
        manifest = stored.manifest(version)
    except UnshelveError as error:
        yield f"its manifest does not hold. {error.message}"
    else:
        found.used[version.manifest] = f"the manifest of {name}"
        yield from _wrong_with_files(stored, version, manifest, found)
    for one in attested:
        found.used[one.blob] = f"the {one.kind} of {name}"
        try:
            stored.verifier.verify(stored.blobs.get(one.blob), one.signature)
        except (NotFound, Untrusted) as error:
            yield f"its {one.kind} does not hold. {error.message}"
        except Damaged:
            continue  # told with the damaged blobs


def _wrong_with_files(stored: Stored, version: Version, manifest: Manifest, found: _Found) -> Iterator[str]:
    if manifest.model != version.model:
        yield f"its manifest is that of {manifest.model}."
    files = manifest.files.items()
    if version.state == REMOVED:
        files = {path: file for path, file in files if file.kind == "json"}.items()
    there = stored.blobs.has_many(file.digest for _, file in files)
    for path, file in files:
        found.used.setdefault(file.digest, f"{path} of {version.model} v{version.number}")
        if file.digest not in there:
            yield f"its file {path} is gone."


def _way_out(version: Version, *, answers: bool) -> str:
    if answers:
        return f"It answers now: `unshelve rollback {version.model}`, or run the solution again. {BACKUP}"
    return f"It does not answer just now and must not be promoted. {BACKUP}"


def _things(stored: Stored, connection: Connection, found: _Found) -> Part:
    """What results, runs, loads, lookups, sinks and expectations need and is gone, each thing with what it lacks."""
    needed: dict[str, Use] = {}
    for use in uses(connection, stored.blobs):
        if use.digest not in found.used and (use.digest not in needed or needed[use.digest].again):
            needed[use.digest] = use
    there = stored.blobs.has_many(needed)
    found.used.update({digest: use.what for digest, use in needed.items() if not use.again})
    gone = [use for digest, use in needed.items() if digest not in there and use.part != VERSIONS]
    gone.sort(key=lambda use: use.again)
    shown = [_gone(use) for use in gone[:_MOST_MISSING]]
    if len(gone) > _MOST_MISSING:
        more = len(gone) - _MOST_MISSING
        shown.append(Damaged(f"The bytes of {more:,} more things are gone.", code="things-gone", hint=BACKUP))
    return Part("things that need blobs", len(needed), tuple(shown))


def _gone(use: Use) -> Damaged:
    code, hint = ("result-gone", _AGAIN) if use.again else ("thing-gone", f"{BACKUP} {_LACKS[use.part]}")
    message = f"{use.what[:1].upper()}{use.what[1:]} is gone ({use.digest[:12]}…)."
    return Damaged(message, code=code, hint=hint, details={"digest": use.digest, "solution": use.solution})


def _audit(stored: Stored, connection: Connection) -> Part:
    newest = audit.newest(connection)
    damage = audit_damage(stored, connection)
    return Part("audit entries", newest.number if newest else 0, () if damage is None else (damage,))


def _predictions(stored: Stored, connection: Connection) -> Part:
    damages = [
        Damaged(error.message, code=error.subject_code, hint=BACKUP)
        for error in checking.damages(connection, stored.home.predictions, stored.blobs)
    ]
    audited = _audited_segments(connection)
    segments = connection.execute(select(SEGMENT.c.id, SEGMENT.c.digest)).all()
    for segment, digest in segments:
        if audited.get(segment) != digest:
            message = f"The audit does not say that segment {segment} was sealed into these files."
            damages.append(Damaged(message, code="segment-not-audited", hint=BACKUP))
    return Part("sealed prediction segments", len(segments), tuple(damages))


def _audited_segments(connection: Connection) -> Mapping[str, object]:
    rows = connection.execute(select(AUDIT.c.subject, AUDIT.c.details).where(AUDIT.c.action == "seal predictions"))
    return {subject.removeprefix("segment "): msgspec.json.decode(details).get("digest") for subject, details in rows}


_AGAIN: Final = "The next run makes it again."
_LACKS: Final = {
    DATA: "Without one, the next load brings all rows and the next refresh a new copy; a batch has to be ordered anew.",
    RESULTS: "Without one, the pages of that run show less; what a later run needs of it is made again.",
    LOGS: "Without one, the page of that run shows no log of this step.",
}
