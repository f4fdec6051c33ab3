"""Uses: which thing of a solution needs which blob, in words. What costs are summed from, and what lacks are told by.

The mark of a sweep (marking.py) does not stand on this list: it searches every text, so that a use that is forgotten
here costs a sentence and no bytes. A test holds the two together: everything named here is marked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from unshelve.errors import Damaged, NotFound
from unshelve.models.package import Manifest, manifest_from
from unshelve.pipeline.kinds import ArtifactKind
from unshelve.registry.tables import (
    attestation,
    chart,
    expectation,
    lookup_copy,
    origin,
    result,
    run,
    run_step,
    sink_batch,
    source_load,
    version,
)
from unshelve.registry.versions import REMOVED
from unshelve.storage.blobs import BlobStore
from unshelve.upkeep.marking import newest_loads

VERSIONS: Final = "versions"
RESULTS: Final = "results"
DATA: Final = "data"
LOGS: Final = "logs"


class Use(NamedTuple):
    """One thing that needs one blob."""

    solution: str
    part: str
    """What it is counted as: versions, results, data or logs."""
    digest: str
    size: int | None
    """As a row says it; None where only the store knows."""
    what: str
    """What the bytes are, in words: "estimator of parcels.lateness v3"."""
    again: bool = False
    """Whether the next run makes them again."""


def uses(connection: Connection, blobs: BlobStore) -> Iterator[Use]:
    """Every use of a blob by a version, a run, a result, a load, a lookup, a sink or an expectation.

    Blobs that name others are followed: manifests to their files, datasets and loads to their parts; one that is gone
    or damaged is named itself. Cost: reads the rows once, and each manifest, dataset and newest load.
    """
    lists = _Lists(blobs)
    for each in (_versions, _origins, _loads, _lookups, _batches, _results, _steps, _charts, _expectations):
        yield from each(connection, lists)


class _Lists:
    """The blobs that name others, each read once."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._parts: dict[str, list[tuple[str, int]]] = {}

    def manifest(self, digest: str) -> Manifest | None:
        try:
            return manifest_from(self._blobs.get(digest))
        except (NotFound, Damaged):
            return None

    def parts(self, digest: str) -> list[tuple[str, int]]:
        """Digest and size of the parts of a dataset or a load; none where its list cannot be read."""
        if digest not in self._parts:
            try:
                named = msgspec.json.decode(self._blobs.get(digest), type=_Parts).parts
                self._parts[digest] = [(part["digest"], int(part["size_bytes"])) for part in named]
            except (NotFound, Damaged, msgspec.DecodeError, KeyError):
                self._parts[digest] = []
        return self._parts[digest]

    def artifact(self, use: Use, artifact: Mapping[str, Any]) -> Iterator[Use]:  # JSON
        """The use of an artifact, and of the parts where it is a dataset."""
        yield use
        if artifact.get("kind") == ArtifactKind.DATASET:
            for number, (digest, size) in enumerate(self.parts(use.digest), start=1):
                yield use._replace(digest=digest, size=size, what=f"part {number} of {use.what}")


class _Parts(msgspec.Struct):
    parts: list[dict[str, Any]]  # JSON


def _versions(connection: Connection, lists: _Lists) -> Iterator[Use]:
    names: dict[str, tuple[str, str]] = {}
    rows = select(version.c.solution, version.c.model, version.c.number, version.c.manifest, version.c.state)
    for solution, model, number, digest, state in connection.execute(rows):
        name = f"{model} v{number}"
        names[digest] = solution, name
        yield Use(solution, VERSIONS, digest, None, f"the manifest of {name}")
        manifest = lists.manifest(digest)
        if manifest is None:
            continue
        for path, file in manifest.files.items():
            if state != REMOVED or file.kind == "json":
                yield Use(solution, VERSIONS, file.digest, file.size, f"{path} of {name}")
    for digest, kind, blob in connection.execute(
        select(attestation.c.manifest, attestation.c.kind, attestation.c.blob)
    ):
        if digest in names:
            solution, name = names[digest]
            yield Use(solution, VERSIONS, blob, None, f"the {kind} of {name}")


def _origins(connection: Connection, _lists: _Lists) -> Iterator[Use]:
    for solution, notebook, blob in connection.execute(select(origin.c.solution, origin.c.notebook, origin.c.blob)):
        yield Use(solution, RESULTS, blob, None, f"what is known of {notebook}, which {solution} was lifted from")


def _results(connection: Connection, lists: _Lists) -> Iterator[Use]:
    for solution, task, outputs in connection.execute(select(result.c.solution, result.c.task, result.c.outputs)):
        for artifact in msgspec.json.decode(outputs).values():
            use = _artifact(solution, RESULTS, artifact, f"a result of {task} in {solution}", again=True)
            yield from lists.artifact(use, artifact)


def _steps(connection: Connection, lists: _Lists) -> Iterator[Use]:
    rows = select(run.c.solution, run.c.number, run_step.c.task, run_step.c.outputs, run_step.c.log)
    for solution, number, task, outputs, log in connection.execute(rows.join_from(run_step, run)):
        made = f"{task} in run {number} of {solution}"
        for artifact in msgspec.json.decode(outputs).values() if outputs is not None else ():
            yield from lists.artifact(_artifact(solution, RESULTS, artifact, f"what was made by {made}"), artifact)
        if log is not None:
            yield Use(solution, LOGS, log, None, f"the log of {made}")


def _charts(connection: Connection, lists: _Lists) -> Iterator[Use]:
    rows = select(chart.c.solution, chart.c.name, run.c.number, chart.c.artifact).join_from(chart, run)
    for solution, name, number, artifact in connection.execute(rows):
        yield from _artifact_text(lists, solution, RESULTS, artifact, f"the chart {name} of run {number} of {solution}")


def _expectations(connection: Connection, lists: _Lists) -> Iterator[Use]:
    columns = (expectation.c.solution, expectation.c.name, expectation.c.report, expectation.c.aside)
    for solution, name, number, report, aside in connection.execute(
        select(columns[0], columns[1], run.c.number, *columns[2:]).join_from(expectation, run)
    ):
        of = f"{solution}.{name} in run {number}"
        if report is not None:
            yield Use(solution, RESULTS, report, None, f"the report of {of}")
        for kind, artifact in (msgspec.json.decode(aside) or {}).items() if aside is not None else ():
            what = f"the rows that were set aside by {of}, as {kind}"
            yield from lists.artifact(_artifact(solution, RESULTS, artifact, what), artifact)


def _lookups(connection: Connection, _lists: _Lists) -> Iterator[Use]:
    rows = select(lookup_copy).where(lookup_copy.c.digest.is_not(None))
    for row in connection.execute(rows):
        what = f"the copy of the lookup {row.solution}.{row.name} of {row.made_at[:16].replace('T', ' ')}"
        yield Use(row.solution, DATA, row.digest, row.size_bytes, what)


def _batches(connection: Connection, lists: _Lists) -> Iterator[Use]:
    rows = select(sink_batch.c.id, sink_batch.c.solution, sink_batch.c.sink, sink_batch.c.rows)
    for number, solution, sink, artifact in connection.execute(rows.where(sink_batch.c.rows.is_not(None))):
        what = f"the rows of batch {number} for the sink {solution}.{sink}"
        yield from _artifact_text(lists, solution, DATA, artifact, what)


def _loads(connection: Connection, lists: _Lists) -> Iterator[Use]:
    newest = set(connection.execute(newest_loads()).scalars())
    for row in connection.execute(select(source_load)):
        what = f"load {row.number} of {row.solution}.{row.source}"
        yield Use(row.solution, DATA, row.record, None, f"the record of {what}")
        yield from _artifact_text(lists, row.solution, DATA, row.artifact, f"the table of {what}")
        if row.record in newest:
            for number, (digest, size) in enumerate(lists.parts(row.record), start=1):
                yield Use(row.solution, DATA, digest, size, f"part {number} of {what}")


def _artifact_text(lists: _Lists, solution: str, part: str, text: str, what: str) -> Iterator[Use]:
    artifact = msgspec.json.decode(text)
    if artifact:  # a null is none
        yield from lists.artifact(_artifact(solution, part, artifact, what), artifact)


def _artifact(solution: str, part: str, artifact: Mapping[str, Any], what: str, *, again: bool = False) -> Use:  # JSON
    return Use(solution, part, artifact["digest"], artifact.get("size_bytes"), what, again)
